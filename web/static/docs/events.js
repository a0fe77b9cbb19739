import { init } from "/static/vendor/redoc/redoc.standalone.js";

// The bundle would fetch its maker's mark from a content network; a picture from elsewhere becomes none.
const picture = HTMLImageElement.prototype;
const allowed = (address) => ([location.origin, "null"].includes(new URL(address, location).origin) ? address : "data:,");
picture.setAttribute = function (name, value) {
  Element.prototype.setAttribute.call(this, name, name === "src" ? allowed(value) : value);
};
Object.defineProperty(picture, "src", {
  ...Object.getOwnPropertyDescriptor(picture, "src"),
  set(value) {
    this.setAttribute("src", value);
  },
});

init("/asyncapi.json", { disableTelemetry: true }, document.getElementById("api"));
