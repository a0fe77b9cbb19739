import { init } from "/static/vendor/redoc/redoc.standalone.js";

init("/asyncapi.json", { disableTelemetry: true }, document.getElementById("api"));
