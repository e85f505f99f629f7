// The playground page: GraphiQL with the settings that the server wrote into the page.
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { GraphiQL } from "graphiql";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/dist/style.css";
import "./page.css";

const { endpoint, tabs } = JSON.parse(document.getElementById("playground-config").textContent);
const url = new URL(endpoint, window.location.href);
const socket = new URL(url);
socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";

const fetcher = createGraphiQLFetcher({
  url: url.href,
  subscriptionUrl: socket.href,
  headers: { accept: "application/graphql-response+json, application/json" },
  enableIncrementalDelivery: false,
});

const page = createElement(
  GraphiQL,
  {
    fetcher,
    defaultTabs: tabs,
    inputValueDeprecation: true,
    schemaDescription: true,
    plugins: [explorerPlugin({ showAttribution: false })],
  },
  createElement(GraphiQL.Logo, null, "Conversa"),
);

createRoot(document.getElementById("playground")).render(page);
