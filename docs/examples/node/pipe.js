// A data stream piped into a plot with hyperquest: whatever yields lines of JSON can be drawn.

const hyperquest = require("hyperquest");
const { Readable } = require("stream");
const { setTimeout: sleep } = require("timers/promises");
const { count, plotly, token, url } = require("./account");

async function* memory() {
  for (let n = 0; n < count; n++) {
    const megabytes = process.memoryUsage().heapUsed / 2 ** 20;
    yield JSON.stringify({ x: new Date().toISOString(), y: Number(megabytes.toFixed(3)) }) + "\n";
    await sleep(20);
  }
}

const trace = { x: [], y: [], name: "heap, MiB", stream: { token, maxpoints: 500 } };

plotly.plot([trace], { filename: "node pipe", fileopt: "overwrite" }, (error, plot) => {
  if (error) return console.error(error.message);
  console.log(`Watch it at ${plot.url}`);

  const request = hyperquest({ method: "POST", uri: url.href, headers: { "plotly-streamtoken": token } });
  request.on("response", (response) => console.log(response.statusCode));
  Readable.from(memory()).pipe(request);
});
