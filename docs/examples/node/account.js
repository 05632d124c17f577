// Where the endpoint is and whose plots are made: see ../account.py. plotly's REST is always HTTPS, its streams are HTTP.

const url = new URL(process.env.PLOTPOST_URL || "http://127.0.0.1:8050");
const [token] = (process.env.PLOTPOST_TOKENS || "").split(",");
if (!token) {
  console.error("This example needs a token in PLOTPOST_TOKENS; `plotpost token new` makes one");
  process.exit(1);
}

module.exports = {
  token,
  url,
  port: Number(url.port || 80),
  count: Number(process.argv[2] || 1000),
  plotly: require("plotly")({
    username: process.env.PLOTPOST_USER || "me",
    apiKey: process.env.PLOTPOST_KEY,
    host: url.hostname,
    port: Number(process.env.PLOTPOST_TLS_PORT || 8443),
  }),
};
