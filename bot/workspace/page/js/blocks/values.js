// State values of interactive elements, in Slack's shapes: what an element starts with, whether it is empty, and what
// an action or a submission carries. Pure.

/** Slack's state value that `element` starts with; a value of its type with null in it where nothing is chosen. */
export function initialValue(element) {
  const shape = SHAPES[element.type];
  if (!shape) return null;
  const [field, initial] = shape;
  const given = element[initial] ?? null;
  return { type: element.type, [field]: LISTS.has(field) ? (given ?? []) : given };
}

/** The field of the state value that holds an element's choice, or "" for those that hold none (button, overflow). */
export function fieldOf(type) {
  return SHAPES[type]?.[0] ?? "";
}

export function isEmpty(value) {
  if (!value) return true;
  const { type, ...rest } = value;
  return Object.values(rest).every((inner) => inner === null || inner === undefined || inner === "" || (Array.isArray(inner) && !inner.length));
}

const LISTS = new Set(["selected_options", "selected_users", "selected_conversations", "selected_channels"]);
const SHAPES = {
  plain_text_input: ["value", "initial_value"],
  number_input: ["value", "initial_value"],
  email_text_input: ["value", "initial_value"],
  url_text_input: ["value", "initial_value"],
  static_select: ["selected_option", "initial_option"],
  radio_buttons: ["selected_option", "initial_option"],
  external_select: ["selected_option", "initial_option"],
  multi_external_select: ["selected_options", "initial_options"],
  multi_static_select: ["selected_options", "initial_options"],
  checkboxes: ["selected_options", "initial_options"],
  users_select: ["selected_user", "initial_user"],
  multi_users_select: ["selected_users", "initial_users"],
  conversations_select: ["selected_conversation", "initial_conversation"],
  multi_conversations_select: ["selected_conversations", "initial_conversations"],
  channels_select: ["selected_channel", "initial_channel"],
  multi_channels_select: ["selected_channels", "initial_channels"],
  datepicker: ["selected_date", "initial_date"],
  timepicker: ["selected_time", "initial_time"],
  datetimepicker: ["selected_date_time", "initial_date_time"],
};

/** Every interactive element of `blocks` with the block it stands in: [{block, element}]. */
export function elementsOf(blocks) {
  return (blocks ?? []).flatMap((block) =>
    [block.element, block.accessory, ...(block.type === "actions" ? (block.elements ?? []) : [])]
      .filter((element) => element?.action_id)
      .map((element) => ({ block, element })),
  );
}

/** {block_id: {action_id: value}} of everything in `blocks` that holds a value. */
export function collect(form, blocks) {
  const values = {};
  for (const { block, element } of elementsOf(blocks)) {
    if (!fieldOf(element.type)) continue;
    (values[block.block_id] ??= {})[element.action_id] = form.get(block.block_id, element.action_id, initialValue(element));
  }
  return values;
}

/** What is wrong with a submission before it is sent: {block_id: sentence}, as Slack's own client checks it. */
export function problems(form, blocks) {
  const found = {};
  for (const block of blocks ?? []) {
    if (block.type !== "input") continue;
    const element = block.element;
    const value = form.get(block.block_id, element.action_id, initialValue(element));
    const text = value?.value ?? "";
    if (isEmpty(value) || (typeof value.value === "string" && !value.value.trim())) {
      if (!block.optional) found[block.block_id] = "Please complete this required field.";
    } else if (element.min_length && text.length < element.min_length) {
      found[block.block_id] = `Please enter at least ${element.min_length} characters.`;
    } else if (element.type === "number_input") {
      const sentence = numberProblem(element, text);
      if (sentence) found[block.block_id] = sentence;
    } else if (element.type === "email_text_input" && !/^\S+@\S+\.\S+$/.test(text)) {
      found[block.block_id] = "Please enter an e-mail address, such as dana@example.com.";
    } else if (element.type === "url_text_input" && !/^https?:\/\/\S+$/i.test(text)) {
      found[block.block_id] = "Please enter an address that starts with https:// or http://.";
    }
  }
  return found;
}

function numberProblem(element, text) {
  const number = Number(text);
  if (!Number.isFinite(number)) return "Please enter a number.";
  if (!element.is_decimal_allowed && !Number.isInteger(number)) return "Please enter a whole number.";
  if (element.min_value !== undefined && number < Number(element.min_value)) return `Please enter ${element.min_value} or more.`;
  if (element.max_value !== undefined && number > Number(element.max_value)) return `Please enter ${element.max_value} or less.`;
  return "";
}
