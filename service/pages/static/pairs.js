// Pages with one case on them: draw the boxes and bring the comparison to life. Keys B and M as on the desk.

import { drawStages } from "./boxed.js";
import { compare } from "./compare.js";

drawStages(document);
const root = document.querySelector(".compare");
if (root) {
  const controls = await compare(root);
  const act = { blink: () => controls.blink(), mirror: () => controls.mirror() };
  root.addEventListener("click", (event) => act[event.target.closest("[data-do]")?.dataset.do]?.());
}
