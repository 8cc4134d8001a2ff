// A picture with a box on it. The box is SVG in fractions of the picture, so it follows every size of the page.

const SVG = "http://www.w3.org/2000/svg";

/** An element showing `source` with `box` (`[x0, y0, x1, y1]`, fractions) drawn on it; `kind` picks the colour. */
export function boxedPicture(source, box, { kind, alt, missing }) {
  const holder = document.createElement("span");
  holder.className = `boxed ${kind === "logo_use" ? "logo" : "photo"}`;
  holder.append(source ? picture(source, alt, missing) : blank(missing), outline(box));
  return holder;
}

/** Fill every `.stage[data-source]` below `root` with its picture and box. */
export function drawStages(root) {
  for (const stage of root.querySelectorAll(".stage[data-source]")) {
    const { source, box, kind, alt } = stage.dataset;
    stage.replaceChildren(boxedPicture(source, JSON.parse(box), { kind, alt, missing: "The picture is not kept any more." }));
  }
}

function picture(source, alt, missing) {
  const image = document.createElement("img");
  image.alt = alt;
  image.addEventListener("error", () => image.replaceWith(blank(missing)), { once: true });
  image.src = source;
  return image;
}

function blank(text) {
  const frame = document.createElement("span");
  frame.className = "blank";
  frame.textContent = text;
  return frame;
}

function outline([x0, y0, x1, y1]) {
  const svg = element("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  const rectangle = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
  const hole = `M0 0H1V1H0ZM${x0} ${y0}V${y1}H${x1}V${y0}Z`;
  svg.append(
    element("path", { class: "shade", d: hole }),
    element("rect", { class: "halo", ...rectangle }),
    element("rect", { class: "edge", ...rectangle }),
  );
  return svg;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
