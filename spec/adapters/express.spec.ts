import { setTimeout as sleep } from "node:timers/promises";
import { Readable } from "node:stream";
import type express from "express";
import { expressAdapter } from "#dist/adapters/express";
import { running, serverSentEvents, STYLE_SHEET } from "../support/http-server.js";
import { behaviours, type Framework } from "./behaviours.js";

behaviours(expressOf("express"));
behaviours(expressOf("express-4"));

function expressOf(version: "express" | "express-4"): Framework {
  return {
    name: version === "express" ? "Express 5" : "Express 4",
    routes: true,
    errors: true,
    async start(capture, see) {
      const create = require(version) as typeof express;
      const app = create();
      app.use(expressAdapter(capture));
      app.use((request, _response, next) => {
        const id = request.headers["x-user"];
        if (id) (request as { user?: unknown }).user = { id };
        next();
      });
      app.use(create.json());
      app.get("/patients/:id", (request, response) => {
        see(request.path);
        setTimeout(() => response.json({ id: Number(request.params["id"]) }), 1);
      });
      app.post("/patients", (request, response) => {
        see(request.path);
        response.status(201).json({ created: request.body });
      });
      app.get(
        "/unauthorized",
        (_request, response) => void response.status(401).json({ error: "who are you" }),
      );
      app.get("/forbidden", (_request, response) => void response.sendStatus(403));
      app.get("/broken", () => {
        throw new Error("broken");
      });
      app.get("/rejected", (_request, _response, next) => {
        // Express 4 does not look at what a handler returns.
        sleep(1)
          .then(() => {
            throw new Error("rejected");
          })
          .catch(next);
      });
      app.get("/moved", (_request, response) => response.redirect("/patients/7"));
      app.get("/empty", (_request, response) => void response.status(204).end("nothing"));
      app.get("/app.css", (_request, response) => response.sendFile(STYLE_SHEET));
      app.get("/health", (_request, response) => void response.send("ok"));
      app.get("/stream", (_request, response) => {
        Readable.from(Array.from({ length: 300 }, (_, n) => Buffer.alloc(1000, 97 + (n % 26)))).pipe(
          response,
        );
      });
      app.get("/events", (_request, response) => {
        const events = serverSentEvents();
        response.on("close", () => events.destroy());
        events.pipe(response.type("text/event-stream"));
      });
      app.get("/unchanged", (_request, response) => void response.status(304).set("ETag", '"7"').end());
      app.get("/trickle", (_request, response) => void response.write("first"));
      app.get("/hang", (request) => see(request.path));
      app.get("/twice", (_request, response) => {
        response.on("error", () => {});
        response.send("once");
        response.end("twice");
      });
      app.post("/upload", (request, response) => {
        let bytes = 0;
        request.on("data", (chunk: Buffer) => (bytes += chunk.length));
        request.on("end", () => response.json({ bytes }));
      });
      app.use(
        (
          error: Error & { status?: number },
          _request: unknown,
          response: express.Response,
          next: express.NextFunction,
        ) => {
          if (response.headersSent) return next(error);
          response.status(error.status ?? 500).json({ error: error.message });
        },
      );
      return running(app.listen(0, "127.0.0.1"));
    },
  };
}
