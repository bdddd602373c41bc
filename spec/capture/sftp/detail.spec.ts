/**
 * How much is told of an operation over SFTP, said by call.
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import { runWithExternal } from "#dist/context/run";
import { recordedClient } from "./recorded.js";
import { onEachServer } from "./servers.js";

onEachServer("how much is told of an operation over SFTP", (bench) => {
  const recorded = recordedClient(bench);

  it("is as is said for the call", async () => {
    const { client } = recorded;
    const path = bench.path("/inbox/detail.txt");
    await runWithExternal(false, () => client.put(Buffer.from("nothing of it"), path));
    assert.deepEqual(recorded.told(), []);
    await runWithExternal("metadata", () => client.exists(path));
    await runWithExternal("full", () => client.exists(path));
    const [metadata, full] = recorded.told();
    assert.equal(metadata!.operation, "exists");
    assert.deepEqual(
      Object.keys(full!.details).filter((name) => !(name in metadata!.details)),
      ["found"],
    );
    assert.equal((await client.get(path)).toString(), "nothing of it");
  });
});
