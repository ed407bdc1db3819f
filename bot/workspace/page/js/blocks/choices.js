// Interactive elements with options: selects of every kind, overflow menus, radio buttons and checkboxes.

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { openListbox, openMenu } from "../popup.js";
import { renderPlain, renderText } from "../text.js";
import { loud } from "./loud.js";
import { fieldOf, initialValue } from "./values.js";

export const CHOICES = {
  static_select: (element, ctx) => select(element, ctx, ownOptions(element)),
  external_select: (element, ctx) => select(element, ctx, null),
  multi_external_select: (element, ctx) => select(element, ctx, null, true),
  multi_static_select: (element, ctx) => select(element, ctx, ownOptions(element), true),
  users_select: (element, ctx) => select(element, ctx, people(ctx.store)),
  multi_users_select: (element, ctx) => select(element, ctx, people(ctx.store), true),
  conversations_select: (element, ctx) => select(element, ctx, rooms(ctx.store, true)),
  multi_conversations_select: (element, ctx) => select(element, ctx, rooms(ctx.store, true), true),
  channels_select: (element, ctx) => select(element, ctx, rooms(ctx.store, false)),
  multi_channels_select: (element, ctx) => select(element, ctx, rooms(ctx.store, false), true),
  overflow,
  radio_buttons: (element, ctx) => picks(element, ctx, "radio"),
  checkboxes: (element, ctx) => picks(element, ctx, "checkbox"),
};

// Options as {id, label, search, description, group, value}: `value` is what the state value carries.

function ownOptions(element) {
  return fromGroups(element.option_groups ?? [{ label: null, options: element.options ?? [] }]);
}

function fromGroups(groups) {
  return groups.flatMap((group) =>
    group.options.map((option) => ({
      id: option.value,
      label: () => renderPlain(option.text.text),
      description: option.description ? () => renderPlain(option.description.text) : null,
      search: `${option.text.text} ${option.description?.text ?? ""}`,
      group: group.label?.text ?? "",
      value: option,
    })),
  );
}

function people(store) {
  return [...store.users.values()]
    .filter((user) => !user.deleted && user.id !== "USLACKBOT")
    .map((user) => ({
      id: user.id,
      label: () => user.real_name || user.name,
      description: () => `@${user.name}${user.title ? ` · ${user.title}` : ""}`,
      search: `${user.real_name} ${user.name} ${user.title ?? ""}`,
      group: "",
      value: user.id,
    }));
}

function rooms(store, withIms) {
  return [...store.channels.values()]
    .filter((channel) => withIms || !channel.is_im)
    .map((channel) => {
      const name = channel.is_im ? store.app.name : `#${channel.name}`;
      return { id: channel.id, label: () => name, description: null, search: name, group: "", value: channel.id };
    });
}

function chosenIds(value, field) {
  const chosen = value?.[field];
  const list = Array.isArray(chosen) ? chosen : chosen === null || chosen === undefined ? [] : [chosen];
  return list.map((item) => (typeof item === "object" ? item.value : item));
}

function select(element, ctx, options, multi = false) {
  const { block, form } = ctx;
  const field = fieldOf(element.type);
  const value = form.get(block.block_id, element.action_id, initialValue(element));
  const ids = chosenIds(value, field);
  const external = options === null;
  const held = external ? fromGroups([{ options: [value?.[field] ?? []].flat() }]) : [];
  const known = external ? held : options;
  const chosen = ids.map((id) => known.find((option) => option.id === id) ?? { id, label: () => id });
  const waiting = form.blockIsBusy(block.block_id);
  const label = element.placeholder?.text ?? (multi ? "Select options" : "Select an option");
  const put = (list) => ctx.choose(block, element, { type: element.type, [field]: multi ? list.map((option) => option.value) : (list[0]?.value ?? null) });
  const openIt = (event) => {
    if (form.blockIsBusy(block.block_id)) return;
    let changed = false;
    const seen = new Map(known.map((option) => [option.id, option]));
    const drawn = (list) => list.map((option) => ({ ...option, label: option.label(), description: option.description?.() }));
    openListbox(
      event.currentTarget,
      drawn(known),
      {
        label,
        selected: ids,
        multi,
        load: external && (async (query) => {
          const found = fromGroups([{ options: await ctx.load(block, element, query) }]);
          for (const option of found) seen.set(option.id, option);
          return drawn(found);
        }),
        pick: (option) => {
          changed = true;
          if (!multi) put([seen.get(option.id)]);
        },
        // Several choices are told to the app once, when the box is left.
        onClose: (left) => multi && changed && put([...seen.values()].filter((option) => left.has(option.id)).slice(0, element.max_selected_items ?? Infinity)),
      },
    );
  };
  const control = h(
    "button",
    {
      class: `select${multi ? " select-multi" : ""}${chosen.length ? "" : " empty"}${form.isBusy(block.block_id, element.action_id) ? " busy" : ""}`,
      type: "button",
      id: ctx.inputId ?? null,
      key: `el-${element.action_id}`,
      role: "combobox",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "aria-label": ctx.labelledBy ? null : label,
      "aria-labelledby": ctx.labelledBy ? `${ctx.labelledBy} ${ctx.inputId}` : null,
      "aria-describedby": ctx.describedBy ?? null,
      "aria-invalid": ctx.invalid ? "true" : null,
      "aria-disabled": waiting ? "true" : null,
      "data-action": element.action_id,
      "data-autofocus": element.focus_on_load ? "" : null,
      on: {
        click: openIt,
        keydown: (event) => {
          if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
          event.preventDefault();
          openIt(event);
        },
      },
    },
    chosen.length
      ? multi
        ? h("span", { class: "chips" }, chosen.map((option) => h("span", { class: "chip" }, option.label())))
        : h("span", { class: "select-value" }, chosen[0].label())
      : h("span", { class: "select-placeholder" }, label),
    icon("down", 16),
  );
  const clearable = ctx.block.type === "input" && ctx.block.optional && chosen.length && !multi;
  if (!clearable) return control;
  return h(
    "div",
    { class: "select-row", key: `row-${element.action_id}` },
    control,
    h("button", { class: "icon-btn", type: "button", "aria-label": "Clear", on: { click: () => put([]) } }, icon("close", 16)),
  );
}

function overflow(element, ctx) {
  const { block, form } = ctx;
  return h(
    "button",
    {
      class: `btn overflow${form.isBusy(block.block_id, element.action_id) ? " busy" : ""}`,
      type: "button",
      key: `el-${element.action_id}`,
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      "aria-label": "More options",
      "aria-disabled": form.blockIsBusy(block.block_id) ? "true" : null,
      "data-action": element.action_id,
      on: {
        click: (event) => {
          if (form.blockIsBusy(block.block_id)) return;
          const items = element.options.map((option) => ({
            label: renderPlain(option.text.text),
            hint: option.description ? renderPlain(option.description.text) : null,
            icon: option.url ? icon("external", 16) : null,
            pick: () => ctx.pickOverflow(block, element, option),
          }));
          openMenu(event.currentTarget, items, { label: "More options" });
        },
      },
    },
    icon("more", 18),
  );
}

function picks(element, ctx, type) {
  const { block, form } = ctx;
  if (!Array.isArray(element.options) || !element.options.length) return loud(`${element.type} needs options.`, element);
  const field = fieldOf(element.type);
  const value = form.get(block.block_id, element.action_id, initialValue(element));
  const ids = new Set(chosenIds(value, field));
  const waiting = form.blockIsBusy(block.block_id);
  const group = `${ctx.prefix}-${block.block_id}-${element.action_id}`;
  const change = async (event, option) => {
    const on = event.target.checked;
    const next = new Set(ids);
    if (type === "radio") next.clear();
    if (on) next.add(option.value);
    else next.delete(option.value);
    const list = element.options.filter((other) => next.has(other.value));
    const inputs = [...event.target.closest(".picks").querySelectorAll("input")];
    const taken = await ctx.choose(block, element, { type: element.type, [field]: type === "radio" ? (list[0] ?? null) : list });
    if (!taken) inputs.forEach((input, index) => (input.checked = ids.has(element.options[index].value)));
  };
  return h(
    "div",
    { class: "picks", key: `el-${element.action_id}`, role: type === "radio" ? "radiogroup" : "group", "aria-labelledby": ctx.labelledBy ?? null, "aria-describedby": ctx.describedBy ?? null, "data-action": element.action_id },
    element.options.map((option, index) =>
      h(
        "label",
        { class: "pick", key: `pick-${index}` },
        h("input", { type, name: group, checked: ids.has(option.value), disabled: waiting && !ids.has(option.value), on: { change: (event) => change(event, option) } }),
        h(
          "span",
          { class: "pick-text mrk" },
          h("span", null, renderText(ctx.store, option.text)),
          option.description && h("span", { class: "menu-hint" }, renderText(ctx.store, option.description)),
        ),
      ),
    ),
  );
}
