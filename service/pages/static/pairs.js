// Pages with one case on them: draw the boxes and bring the comparison to life. Keys B and M as on the desk.

import { boxedPicture } from "./boxed.js";
import { compare } from "./compare.js";

for (const stage of document.querySelectorAll(".stage[data-source]")) {
  const { source, box, kind, alt } = stage.dataset;
  stage.replaceChildren(boxedPicture(source, JSON.parse(box), { kind, alt, missing: "The picture is not kept any more." }));
}
const root = document.querySelector(".compare");
if (root) {
  const controls = await compare(root);
  const act = { blink: () => controls.blink(), mirror: () => controls.mirror() };
  root.addEventListener("click", (event) => act[event.target.closest("[data-do]")?.dataset.do]?.());
}
