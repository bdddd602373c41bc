/**
 * A real Chromium for the specs of pages.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

/** Far beyond what the slowest machine needs to start it, or to show a page. */
const LIMIT_MS = 120_000;

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why the specs of pages cannot run here; false when they can. In CI they must. */
export const withoutBrowser =
  !existsSync(CHROMIUM) && !process.env.CI ? `no Chromium at ${CHROMIUM}; set CHROMIUM to one` : false;

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    timeout: LIMIT_MS,
    // Root has no sandbox; the others keep it from asking hosts of its maker's.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What a page did that it should not have: errors, and requests to others than its own server. */
export interface Watched {
  readonly page: Page;
  readonly faults: string[];
}

export async function openPage(browser: Browser, colorScheme: "light" | "dark" = "light"): Promise<Watched> {
  const page = await browser.newPage({ viewport: { width: 1360, height: 820 }, colorScheme });
  page.setDefaultTimeout(LIMIT_MS);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (new URL(request.url()).hostname !== "127.0.0.1") faults.push(`request: ${request.url()}`);
  });
  return { page, faults };
}
