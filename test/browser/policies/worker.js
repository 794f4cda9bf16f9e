import "./count.js";
import { calls } from "./calls.js";

calls().then(postMessage);
