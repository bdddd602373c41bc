/**
 * The page of the viewer.
 *
 * @module
 */
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./page.css";
import { App } from "./app.js";
import { hearChanges } from "./server.js";

render(<App />, document.querySelector("#page")!);
hearChanges();
