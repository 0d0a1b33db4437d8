// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the command writes: tables, JSON, complaints.

use super::arguments::Common;
use crate::admin::{Failure, Outcome};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Writes a result: as JSON where that is asked for, else as `text` says it.
pub(super) fn show<T: Serialize + ?Sized>(
    common: &Common,
    data: &T,
    text: impl FnOnce() -> String,
) -> Outcome<()> {
    if !common.json {
        return print(text().as_bytes());
    }
    let json = serde_json::to_string_pretty(data).map_err(|error| {
        Failure::new(format!("cannot write JSON: {error}"), "leave --json away")
    })?;
    print(format!("{json}\n").as_bytes())
}

/// Writes bytes to standard output.
pub(super) fn print(bytes: &[u8]) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(
            format!("cannot write the output: {error}"),
            "what was to be done is done; look where the output goes",
        )),
        Ok(()) => Ok(()),
    }
}

/// Says why a verb failed and what to do next.
pub(super) fn complain(failure: &Failure) {
    for line in format!("strongroom: {}\n  next: {}", failure.what, failure.next).lines() {
        say(&visible(line));
    }
}

/// Writes a line for the person at the keyboard, beside the output proper.
pub(super) fn say(line: &str) {
    // Nobody is left to be told where this fails.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A table: left-aligned columns as wide as they need to be.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|name| name.to_string()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(&head)
        .chain(rows)
        .map(|row| row.iter().map(|cell| visible(cell)).collect())
        .collect();
    let mut widths = vec![0; head.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            // Writing to a string does not fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Text as a terminal may have it: a label must not move the cursor, change colours, or turn around what
/// stands beside it.
pub(super) fn visible(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let shown = |c: char| if unseen(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// `yes`, `no`, or nothing where it does not apply.
pub(super) fn yes(flag: Option<bool>) -> String {
    flag.map_or("-", |flag| if flag { "yes" } else { "no" }).to_string()
}

/// The library's diagnostics as plain lines.
pub(super) struct PlainEvent;

impl<S, N> FormatEvent<S, N> for PlainEvent
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        write!(writer, "strongroom: ")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
