// Interactive elements with one plain control: buttons, text inputs, dates, images. Those with options stand in
// choices.js. Every change goes through ctx.choose (it confirms, keeps and, where due, tells the app).

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { safeUrl } from "../mrkdwn.js";
import { renderPlain } from "../text.js";
import { CHOICES } from "./choices.js";
import { renderImage } from "./index.js";
import { loud } from "./loud.js";
import { initialValue } from "./values.js";

export function renderElement(element, ctx) {
  const render = Object.hasOwn(ELEMENTS, element?.type) ? ELEMENTS[element.type] : Object.hasOwn(CHOICES, element?.type) ? CHOICES[element.type] : null;
  if (!render) return loud(`This page can't render an element of type "${element?.type ?? "(none)"}".`, element);
  return render(element, ctx);
}

const ELEMENTS = {
  button: renderButton,
  image: (element) => renderImage(element, "accessory-image"),
  plain_text_input: (element, ctx) => textInput(element, ctx, element.multiline ? "textarea" : "input", { type: element.multiline ? null : "text" }),
  number_input: (element, ctx) => textInput(element, ctx, "input", { type: "text", inputmode: element.is_decimal_allowed ? "decimal" : "numeric" }),
  email_text_input: (element, ctx) => textInput(element, ctx, "input", { type: "email", inputmode: "email" }),
  url_text_input: (element, ctx) => textInput(element, ctx, "input", { type: "url", inputmode: "url" }),
  datepicker: (element, ctx) => dateInput(element, ctx, "date", "selected_date"),
  timepicker: (element, ctx) => dateInput(element, ctx, "time", "selected_time"),
  datetimepicker: (element, ctx) => dateTimeInput(element, ctx),
};

function renderButton(element, ctx) {
  const { block, form } = ctx;
  const busy = form.isBusy(block.block_id, element.action_id);
  const waiting = form.blockIsBusy(block.block_id);
  const style = { primary: "btn-primary", danger: "btn-danger" }[element.style] ?? "";
  if (element.style && !style) return loud(`A button's style can't be "${element.style}".`, element);
  const url = element.url ? safeUrl(element.url) : "";
  if (element.url && !url) return loud("A button's url must be an http or https address.", element);
  const press = (event) => {
    if (ctx.form.blockIsBusy(block.block_id)) {
      event.preventDefault();
      return;
    }
    ctx.press(block, element);
  };
  const common = {
    class: `btn ${style}${busy ? " busy" : ""}`,
    key: `el-${element.action_id}`,
    "aria-label": element.accessibility_label ?? null,
    "aria-busy": busy ? "true" : null,
    "data-action": element.action_id,
    on: { click: press },
  };
  const inner = [h("span", { class: "btn-label" }, renderPlain(element.text.text, element.text.emoji !== false))];
  if (busy) inner.push(h("span", { class: "spinner", "aria-hidden": "true" }));
  if (url) return h("a", { ...common, href: url, target: "_blank", rel: "noopener noreferrer" }, inner, icon("external", 14));
  // aria-disabled, not disabled: a disabled button would throw the keyboard's focus away.
  return h("button", { ...common, type: "button", "aria-disabled": waiting ? "true" : null }, inner);
}

function fieldProps(element, ctx) {
  return {
    id: ctx.inputId ?? null,
    key: `el-${element.action_id}`,
    "aria-label": ctx.labelledBy ? null : (element.placeholder?.text ?? "Input"),
    "aria-describedby": ctx.describedBy ?? null,
    "aria-invalid": ctx.invalid ? "true" : null,
    "aria-required": ctx.block.type === "input" && !ctx.block.optional ? "true" : null,
    "data-action": element.action_id,
    "data-autofocus": element.focus_on_load ? "" : null,
  };
}

function textInput(element, ctx, tag, extra) {
  const { block, form } = ctx;
  const value = form.get(block.block_id, element.action_id, initialValue(element));
  const triggers = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const dispatches = block.type === "input" && block.dispatch_action;
  return h(tag, {
    ...fieldProps(element, ctx),
    ...extra,
    class: tag === "textarea" ? "field-input multiline" : "field-input",
    placeholder: element.placeholder?.text ?? null,
    rows: tag === "textarea" ? "4" : null,
    maxlength: element.max_length ?? null,
    autocomplete: "off",
    value: value?.value ?? "",
    on: {
      input: (event) => {
        const text = event.target.value;
        form.set(block.block_id, element.action_id, { type: element.type, value: text === "" ? null : text }, { quiet: true });
        if (dispatches && triggers.includes("on_character_entered")) ctx.dispatch(block, element, { value: text });
      },
      keydown: (event) => {
        if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
        if (dispatches && triggers.includes("on_enter_pressed")) {
          event.preventDefault();
          ctx.dispatch(block, element, { value: event.target.value });
        } else if (tag === "textarea" && (event.ctrlKey || event.metaKey)) {
          event.target.form?.requestSubmit();
        }
      },
    },
  });
}

function dateInput(element, ctx, type, field) {
  const value = ctx.form.get(ctx.block.block_id, element.action_id, initialValue(element));
  return h("input", {
    ...fieldProps(element, ctx),
    class: "field-input date-input",
    type,
    value: value?.[field] ?? "",
    on: { change: (event) => ctx.choose(ctx.block, element, { type: element.type, [field]: event.target.value || null }) },
  });
}

function dateTimeInput(element, ctx) {
  const value = ctx.form.get(ctx.block.block_id, element.action_id, initialValue(element));
  return h("input", {
    ...fieldProps(element, ctx),
    class: "field-input date-input",
    type: "datetime-local",
    value: value?.selected_date_time ? localStamp(value.selected_date_time) : "",
    on: {
      change: (event) => {
        const seconds = event.target.value ? Math.floor(new Date(event.target.value).getTime() / 1000) : null;
        ctx.choose(ctx.block, element, { type: element.type, selected_date_time: seconds });
      },
    },
  });
}

function localStamp(seconds) {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
