"""The shell around the domain: request, approve, reject, abort; the durable workflow; reconcile."""
