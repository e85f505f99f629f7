// The same subscription on GraphQL Yoga with graphql-ws; messages are kept in memory alone.
import { createServer } from "node:http";
import { createPubSub, createSchema, createYoga } from "graphql-yoga";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const pubsub = createPubSub();
let count = 0;

const typeDefs = `
  type Message { id: ID! role: String! content: String! createdAt: String! }
  type Conversation { id: ID! }
  type MessageAdded { cursor: String! message: Message! }
  type CreateConversationPayload { conversation: Conversation! }
  type AddMessagePayload { message: Message! }
  input CreateConversationInput { title: String! }
  enum Role { USER }
  input AddMessageInput { conversationId: ID! role: Role! content: String! }
  type Query { ok: Boolean! }
  type Mutation {
    createConversation(input: CreateConversationInput!): CreateConversationPayload!
    addMessage(input: AddMessageInput!): AddMessagePayload!
  }
  type Subscription { messageAdded(conversationId: ID!): MessageAdded! }`;

const resolvers = {
  Mutation: {
    createConversation: () => ({ conversation: { id: String(++count) } }),
    addMessage(_, { input: { conversationId, role, content } }) {
      const message = { id: String(++count), role, content, createdAt: new Date().toISOString() };
      pubsub.publish(conversationId, { messageAdded: { cursor: message.id, message } });
      return { message };
    },
  },
  Subscription: {
    messageAdded: { subscribe: (_, { conversationId }) => pubsub.subscribe(conversationId) },
  },
};

const schema = createSchema({ typeDefs, resolvers });
const http = createServer(createYoga({ schema, logging: false }));
useServer({ schema }, new WebSocketServer({ server: http, path: "/graphql" }));
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
