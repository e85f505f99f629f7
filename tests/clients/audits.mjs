// Runs graphql-http's audits against an address and prints the outcome of each.
import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);
const outcomes = [];
// A connection that is kept may be closed for its idleness just as it is used again.
const fetchFn = (address, { headers, ...more } = {}) =>
  fetch(address, { ...more, headers: { ...headers, connection: "close" } });
for (const audit of serverAudits({ url, fetchFn })) {
  const { id, name, status, reason } = await audit.fn();
  outcomes.push({ id, name, status, reason });
}
console.log(JSON.stringify(outcomes));
