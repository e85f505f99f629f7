// Runs graphql-http's audits against an address and prints the outcome of each.
import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);
const outcomes = [];
for (const audit of serverAudits({ url })) {
  const { id, name, status, reason } = await audit.fn();
  outcomes.push({ id, name, status, reason });
}
console.log(JSON.stringify(outcomes));
