"""The properties that ROS cannot change, of the resource types that template.yml has or had.

Source: the page of each type (ROS, "ALIYUN::FC3::Trigger" and so on), whose column "Editable", "Update allowed" or
"Allow updates" says No. Properties inside a map or list count as that map or list does: the pages also say No to parts
of ALIYUN::RAM::Role's and ALIYUN::SLS::Alert's editable properties.
"""

FIXED: dict[str, set[str]] = {
    "ALIYUN::SLS::Project": {"Name", "Description"},
    "ALIYUN::SLS::Logstore": {"ProjectName", "LogstoreName"},
    "ALIYUN::SLS::Index": {"ProjectName", "LogstoreName"},
    "ALIYUN::SLS::Dashboard": {"ProjectName", "DashboardName"},
    "ALIYUN::SLS::Alert": {"Project"},
    "ALIYUN::RAM::Role": {"RoleName", "Description"},
    # The page says Yes, but Function Compute cannot rename a function (alicloud_fcv3_function: ForceNew).
    "ALIYUN::FC3::Function": {"FunctionName"},
    "ALIYUN::FC3::Trigger": {"FunctionName", "TriggerName", "TriggerType"},
    "ALIYUN::FC3::CustomDomain": {"DomainName"},
    "ALIYUN::FC3::ConcurrencyConfig": {"FunctionName", "ReservedConcurrency"},
    "ALIYUN::FC3::AsyncInvokeConfig": {
        *("FunctionName", "MaxAsyncRetryAttempts", "MaxAsyncEventAgeInSeconds", "DestinationConfig"),
    },
    "ALIYUN::APIG::Service": {"GatewayId", "SourceType", "ServiceName", "Qualifier"},
    "ALIYUN::APIG::HttpApi": {"HttpApiName", "Type"},
    "ALIYUN::APIG::Route": {"HttpApiId", "RouteName", "EnvironmentInfo", "DomainIds"},
    "ALIYUN::APIG::ApiAttachment": {"HttpApiId", "RouteId"},
}
