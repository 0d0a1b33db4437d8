// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The library's diagnostics, caught: for verbs that try something whose failure is no failure of
//! theirs, and for the doctor, who puts them into findings.

use parking_lot::Mutex;
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

/// Runs something and catches the warnings and errors that the library reports meanwhile.
pub fn capture<T>(run: impl FnOnce() -> T) -> (T, Vec<String>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let result = tracing::subscriber::with_default(Collector(lines.clone()), run);
    let lines = std::mem::take(&mut *lines.lock());
    (result, lines)
}

/// Reports what was caught after all.
pub fn replay(lines: &[String]) {
    for line in lines {
        tracing::error!("{line}");
    }
}

struct Collector(Arc<Mutex<Vec<String>>>);

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().push(message.0);
    }

    // The library opens no spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
