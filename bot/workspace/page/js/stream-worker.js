// Shared by all tabs of this browser: one event stream a person, handed on to every tab that is this person. Without it
// six tabs would use up the connections that a browser allows to one server, and the seventh would wait for ever.

import { Source } from "./source.js";

const people = new Map(); // name -> {source, ports}

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data: { as, lock } }) => {
    const person = people.get(as) ?? open(as);
    person.ports.add(port);
    if (person.source.isOpen) port.postMessage({ state: "open" });
    // The tab holds this lock for as long as it lives; a closed tab says nothing else.
    navigator.locks.request(lock, () => leave(as, port));
  };
};

function open(as) {
  const ports = new Set();
  const tell = (message) => ports.forEach((port) => port.postMessage(message));
  const source = new Source(as, { event: (event) => tell({ event }), state: (state) => tell({ state }) });
  const person = { source, ports };
  people.set(as, person);
  return person;
}

function leave(as, port) {
  const person = people.get(as);
  if (!person) return;
  person.ports.delete(port);
  if (person.ports.size) return;
  person.source.stop();
  people.delete(as);
}
