// Verifies a delivery with the independent package `standardwebhooks`: the first
// argument is JSON with secret, headers and body. Exits with 1 where it is refused.
const { Webhook } = require("standardwebhooks");

const { secret, headers, body } = JSON.parse(process.argv[2]);
try {
  new Webhook(secret).verify(body, headers);
} catch (error) {
  console.error(String(error));
  process.exit(1);
}
