// Drives one client through a query, a mutation, an error and a subscription whose line is cut.
// Usage: node follow.mjs NAME FOLDER URL, where FOLDER holds the modules of docs/subscriptions.md.
import net from "node:net";
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";
import { adapters } from "./adapters.mjs";

globalThis.WebSocket = WebSocket; // Browsers have one, and newer versions of Node.

const ADD = `mutation Add($conversation: ID!, $content: String!) {
  addMessage(input: { conversationId: $conversation, role: USER, content: $content }) {
    message { id } userErrors { code } } }`;
const CREATE = `mutation Create { createConversation(input: { title: "Tea" }) {
  conversation { id changes(first: 1) { nodes { ... on ConversationUpdated { cursor } } } } } }`;
const READ = "query Read($id: ID!) { conversation(id: $id) { id title } }";
const FOLLOW = `subscription Follow($conversation: ID!, $after: Cursor) {
  messageAdded(conversationId: $conversation, after: $after) { cursor message { id content } } }`;
const MESSAGES = 12;
const CUT_AT = [3, 7];

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Stands between client and server, and breaks every line when told to.
async function openProxy(server) {
  const sockets = new Set();
  const proxy = net.createServer((near) => {
    const far = net.connect(server.port, server.hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => sockets.delete(one) && other.destroy());
    }
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const cut = () => [...sockets].filter((each) => each.destroy()).length;
  return { url: `http://127.0.0.1:${proxy.address().port}/graphql`, cut };
}

async function add(url, conversation, content) {
  const body = JSON.stringify({ query: ADD, variables: { conversation, content } });
  // A connection that is kept may be closed for its idleness just as it is used again.
  const headers = { "content-type": "application/json", connection: "close" };
  const answer = await (await fetch(url, { method: "POST", headers, body })).json();
  if (!answer.data?.addMessage.message) throw new Error(JSON.stringify(answer));
}

async function until(holds) {
  for (let left = 600; left && !holds(); left--) await pause(100);
}

const [name, folder, url] = process.argv.slice(2);
const module = (file) => import(pathToFileURL(`${folder}/${file}.js`));
const proxy = await openProxy(new URL(url));
const client = await adapters[name](module, proxy.url);

const { conversation } = (await client.mutate(CREATE, {})).createConversation;
const { title } = (await client.query(READ, { id: conversation.id })).conversation;
const error = await client.query("query Bad { nothing }", {}).then(() => null, String);

const heard = [];
const after = conversation.changes.nodes[0].cursor;
client.follow(FOLLOW, { conversation: conversation.id, after }, (data) =>
  heard.push(data.messageAdded.message.content),
);
const sent = [];
let cut = 0;
for (let number = 0; number < MESSAGES; number++) {
  if (CUT_AT.includes(number)) {
    await until(() => heard.length >= number);
    cut += proxy.cut() > 0;
  }
  await add(url, conversation.id, `message ${number}`);
  sent.push(`message ${number}`);
}
await until(() => heard.length >= MESSAGES);
await pause(300); // What came twice would come now.
console.log(JSON.stringify({ title, error, sent, heard, cut }));
process.exit(0);
