// Asks the endpoint in argv with the official client, and prints the body of the answer.
const { default: Cams, ListPhoneMessageQrdlRequest } = require("@alicloud/cams20200606");
const { Config } = require("@alicloud/openapi-client");

const [endpoint, accessKeyId, accessKeySecret, securityToken, phoneNumber] = process.argv.slice(2);
const client = new Cams(new Config({ endpoint, accessKeyId, accessKeySecret, securityToken, protocol: "HTTP" }));
client.listPhoneMessageQrdl(new ListPhoneMessageQrdlRequest({ phoneNumber })).then(
  (answer) => console.log(JSON.stringify(answer.body)),
  (error) => console.log(JSON.stringify({ code: error.code })),
);
