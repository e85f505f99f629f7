// Mercurius with graphql-jit over Node's own SQLite, on our tables: the resolvers one would write by
// hand, with prepared statements, index ranges and a loader for the messages of many conversations.
import { DatabaseSync } from "node:sqlite";
import Fastify from "fastify";
import mercurius from "mercurius";

const database = new DatabaseSync(process.argv[2], { readOnly: true });
const CONVERSATION = "id, title, last_message_at lastMessageAt, message_count messageCount";
const MESSAGE = "id, role, content, created_at createdAt, added_revision revision";
const listed = database.prepare(`SELECT ${CONVERSATION}, last_activity_at FROM conversations
  WHERE owner_id = 1 AND archived = 0 ORDER BY last_activity_at DESC, id DESC LIMIT ?`);
const one = database.prepare(
  `SELECT ${CONVERSATION} FROM conversations WHERE owner_id = 1 AND id = ?`,
);
const last = database.prepare(`SELECT ${MESSAGE} FROM messages WHERE owner_id = 1
  AND conversation_id = ? AND active = 1 ORDER BY position DESC LIMIT ?`);

const schema = `
  type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
  type Message { id: ID! role: String! content: String! createdAt: String! }
  type MessageEdge { cursor: String! node: Message! }
  type Messages { edges: [MessageEdge!]! pageInfo: PageInfo! }
  type Conversation { id: ID! title: String! lastMessageAt: String messageCount: Int! messages(last: Int!): Messages! }
  type ConversationEdge { cursor: String! node: Conversation! }
  type Conversations { edges: [ConversationEdge!]! pageInfo: PageInfo! }
  type Query { conversations(first: Int!): Conversations! conversation(id: ID!): Conversation }`;

const cursor = (...key) => Buffer.from(key.join("|")).toString("base64url");

function page(edges, { next = false, previous = false }) {
  const ends = { startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null };
  return { edges, pageInfo: { hasNextPage: next, hasPreviousPage: previous, ...ends } };
}

function lastMessages(id, count) {
  const rows = last.all(id, count + 1);
  const previous = rows.length > count;
  const edges = rows.slice(0, count).reverse();
  return page(edges.map((node) => ({ cursor: cursor(node.revision), node })), { previous });
}

const resolvers = {
  Query: {
    conversations(_, { first }) {
      const rows = listed.all(first + 1);
      const next = rows.length > first;
      const kept = rows.slice(0, first);
      return page(kept.map((node) => ({ cursor: cursor(node.last_activity_at, node.id), node })), { next });
    },
    conversation: (_, { id }) => one.get(id) ?? null,
  },
};
const loaders = {
  Conversation: {
    messages: async (queries) =>
      queries.map(({ obj, params }) => lastMessages(obj.id, params.last)),
  },
};

const app = Fastify();
app.register(mercurius, { schema, resolvers, loaders, jit: 1 });
await app.listen({ port: 0, host: "127.0.0.1" });
console.log(app.server.address().port);
