// Prints the headers that the vendor's signer gives a request, which is in argv as JSON with what it is to sign.
const { default: Signer } = require("@alicloud/openapi-util");

const { scheme, id, secret, ...request } = JSON.parse(process.argv[2]);
const authorization =
  scheme === "acs"
    ? `acs ${id}:${Signer.getROASignature(Signer.getStringToSign(request), secret)}`
    : Signer.getAuthorization(request, scheme, "", id, secret);
console.log(JSON.stringify({ ...request.headers, authorization }));
