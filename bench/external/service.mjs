/**
 * The service that is called: reads what comes, and answers the same each time.
 */
import { createServer } from "node:http";

const answer = Buffer.from(
  JSON.stringify({
    id: "ord-000001",
    status: "accepted",
    total: 289.48,
    currency: "EUR",
    created_at: "2026-01-05T09:12:44.031Z",
    items: [
      { sku: "A-100", quantity: 2, price: 19.99, available: true },
      { sku: "B-200", quantity: 1, price: 249.5, available: false },
    ],
    links: { self: "/api/orders/ord-000001", invoice: "/api/orders/ord-000001/invoice" },
  }),
);

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": answer.byteLength });
    response.end(answer);
  });
});
// The callers' connections wait while the others are measured.
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
