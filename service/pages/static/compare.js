// Two pictures laid over each other so that the matching parts coincide: a slider uncovers one, blinking swaps them.

const MARGIN = 0.08; // of the matching part, so that its surroundings can be judged too
const SIDE = 1200;
const BLINK = 450;

/** Bring `root` (`.compare`) to life. Returns `{blink, mirror, slide(step), stop}`; resolves once both are drawn. */
export async function compare(root) {
  const stage = root.querySelector(".layers");
  const slider = root.querySelector('input[type="range"]');
  const [below, above] = stage.querySelectorAll("canvas");
  const box = JSON.parse(root.dataset.box);
  const referenceBox = JSON.parse(root.dataset.referenceBox);
  let mirrored = root.dataset.mirrored === "yes";
  let timer = 0;

  const uncover = () => stage.style.setProperty("--cut", `${slider.value}%`);
  slider.addEventListener("input", uncover);
  const controls = {
    blink() {
      if (timer) return controls.stop();
      root.classList.add("blinking");
      timer = setInterval(() => stage.classList.toggle("hide-above"), BLINK);
      return true;
    },
    stop() {
      clearInterval(timer);
      timer = 0;
      root.classList.remove("blinking");
      stage.classList.remove("hide-above");
      return false;
    },
    mirror() {
      mirrored = !mirrored;
      draw();
    },
    slide(step) {
      slider.value = Number(slider.value) + step;
      uncover();
    },
  };
  let pictures = [];
  function draw() {
    const [listing, reference] = pictures;
    const [width, height] = size(reference, referenceBox);
    for (const canvas of [below, above]) Object.assign(canvas, { width, height });
    paint(below, reference, referenceBox, false);
    paint(above, listing, box, mirrored);
  }
  uncover();
  try {
    pictures = await Promise.all([load(root.dataset.listing), load(root.dataset.reference)]);
    draw();
    root.classList.add("ready");
  } catch {
    root.classList.add("failed");
  }
  return controls;
}

function load(source) {
  const picture = new Image();
  picture.src = source;
  return picture.decode().then(() => picture);
}

function size(picture, [x0, y0, x1, y1]) {
  const width = (x1 - x0) * picture.naturalWidth;
  const height = (y1 - y0) * picture.naturalHeight;
  const scale = SIDE / Math.max(width, height, 1);
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

function paint(canvas, picture, [x0, y0, x1, y1], mirrored) {
  const context = canvas.getContext("2d");
  context.save();
  if (mirrored) {
    context.translate(canvas.width, 0);
    context.scale(-1, 1);
  }
  const [width, height] = [(x1 - x0) * picture.naturalWidth, (y1 - y0) * picture.naturalHeight];
  const [left, top] = [x0 * picture.naturalWidth - width * MARGIN, y0 * picture.naturalHeight - height * MARGIN];
  const grown = 1 + 2 * MARGIN;
  context.drawImage(picture, left, top, width * grown, height * grown, 0, 0, canvas.width, canvas.height);
  context.restore();
}
