// Checks of what the payer can see and use on the page, shadow roots included.

function* everything(root = document) {
  for (const element of root.querySelectorAll("*")) {
    yield element;
    if (element.shadowRoot) yield* everything(element.shadowRoot);
  }
}

const tidy = (text) => (text || "").replace(/\s+/g, " ").trim();

function shown(element) {
  return element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && element.getClientRects().length > 0;
}

function nameOf(element) {
  const label = element.labels && element.labels[0];
  return tidy(element.getAttribute("aria-label") || (label && label.innerText) || element.innerText);
}

/** Everything that can be read now, in one line. */
function words() {
  const roots = [document.body];
  for (const element of everything()) {
    if (element.shadowRoot) roots.push(...element.shadowRoot.children);
  }
  return tidy(roots.filter((root) => root && shown(root)).map((root) => root.innerText).join(" "));
}

/** The control that is called so; else the one whose name begins so. */
function control(name) {
  const controls = [...everything()].filter((element) =>
    element.matches("button, a[href], summary, input, textarea") && shown(element) && !element.disabled);
  return controls.find((element) => nameOf(element) === name)
    || controls.find((element) => nameOf(element).startsWith(name)) || null;
}

/** What the keyboard acts on; a focus that cannot be seen says so. */
function focused() {
  let element = document.activeElement;
  while (element && element.shadowRoot && element.shadowRoot.activeElement) {
    element = element.shadowRoot.activeElement;
  }
  if (!element || element === document.body) return "";
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const visible = outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  return nameOf(element) + (visible ? "" : " (and nothing shows it)");
}

function shownOf(selector) {
  return [...everything()].filter((element) => element.matches(selector) && shown(element));
}

/** What of the page does not fit its window, in words. */
function misfits() {
  const page = document.documentElement;
  const found = [];
  if (page.scrollWidth > page.clientWidth) {
    found.push(`it scrolls sideways: ${page.scrollWidth} px in ${page.clientWidth} px`);
  }
  for (const element of everything()) {
    if (!shown(element)) continue;
    if (element.matches("button, a.button") && element.getBoundingClientRect().height < 44) {
      found.push(`"${nameOf(element)}" is ${element.getBoundingClientRect().height} px high`);
    }
    if (![...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && tidy(node.data))) continue;
    const range = document.createRange();
    range.selectNodeContents(element);
    const text = range.getBoundingClientRect();
    // A part of an amount is another amount.
    if (element.matches(".amount") && new Set([...range.getClientRects()].map(({ top }) => top)).size > 1) {
      found.push(`"${tidy(element.innerText)}" is broken into lines`);
    }
    for (let box = element; box; box = box.parentElement) {
      const { overflowX, overflowY, textOverflow } = getComputedStyle(box);
      // Three dots show that the text is cut.
      if (textOverflow === "ellipsis") break;
      const { left, right, top, bottom } = box.getBoundingClientRect();
      const hides = (overflow) => overflow === "hidden" || overflow === "clip";
      if ((hides(overflowX) && (text.left < left - 1 || text.right > right + 1))
        || (hides(overflowY) && (text.top < top - 1 || text.bottom > bottom + 1))) {
        found.push(`"${tidy(element.innerText).slice(0, 40)}" is cut off by <${box.localName}>`);
      }
    }
  }
  return found;
}
