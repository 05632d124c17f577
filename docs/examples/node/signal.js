// A signal with npm's plotly: make the plot, then write to its stream a line at a time.

const { count, plotly, port, token } = require("./account");

const trace = { x: [], y: [], type: "scatter", mode: "lines", stream: { token, maxpoints: 500 } };
const layout = { title: { text: "A signal from Node.js" } };

plotly.plot([trace], { filename: "node signal", fileopt: "overwrite", layout }, (error, plot) => {
  if (error) return console.error(error.message);
  console.log(`${plot.streamstatus} Watch it at ${plot.url}`);

  const stream = plotly.stream({ token, port }, (error, end) => console.log(error ? error.message : end.msg));
  let n = 0;
  const timer = setInterval(() => {
    stream.write(JSON.stringify({ x: n, y: Math.sin(n / 10) * Math.cos(n / 37) }) + "\n");
    if (++n < count) return;
    clearInterval(timer);
    stream.end();
  }, 20);
});
