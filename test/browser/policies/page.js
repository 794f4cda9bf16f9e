import { calls } from "./calls.js";

/** Puts a record where the suite finds it. */
export function tell(record) {
  const place = document.createElement("pre");
  place.id = "done";
  place.textContent = JSON.stringify(record);
  document.body.append(place);
}

const page = await calls();
const worker = new Worker("worker.js", { type: "module" });
worker.onmessage = ({ data }) => tell({ page, worker: data });
worker.onerror = ({ message }) => tell({ page, worker: message ?? "the Worker did not start" });
