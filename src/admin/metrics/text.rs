// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Metrics as text: OpenMetrics 1.0, of the part that Prometheus' older text format has as well, so that
//! node_exporter's textfile collector takes it. It renders, and measures nothing.

use std::fmt::Write;

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A metric and its series.
pub(super) struct Family<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Type,
    pub(super) help: &'a str,
    pub(super) labels: &'a [&'a str],
    pub(super) series: Vec<(Vec<String>, Number)>,
}

/// A value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(u64),
    /// Microseconds, written as seconds.
    Micros(i64),
}

/// All of them, as one text.
pub(super) fn render(families: &[Family<'_>]) -> String {
    let mut text = String::new();
    for family in families {
        family.render(&mut text);
    }
    text.push_str("# EOF\n");
    text
}

impl Family<'_> {
    fn render(&self, text: &mut String) {
        let Family { name, help, .. } = self;
        let (kind, ending) = match self.kind {
            Type::Counter => ("counter", "_total"),
            Type::Gauge => ("gauge", ""),
        };
        let _ = writeln!(text, "# TYPE {name} {kind}");
        if let Some(unit) = unit(name) {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name} {}", escaped(help));
        for (values, number) in &self.series {
            let labels = self.labels.iter().zip(values);
            let labels: Vec<_> =
                labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels =
                if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{name}{ending}{labels} {}", number.text());
        }
    }
}

impl Number {
    fn text(self) -> String {
        match self {
            Number::Whole(number) => number.to_string(),
            Number::Micros(micros) => {
                format!("{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000))
            }
        }
    }
}

/// The unit that a name ends in.
pub(super) fn unit(name: &str) -> Option<&'static str> {
    UNITS
        .iter()
        .copied()
        .find(|unit| name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            // Readers differ in what ends a line.
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

const UNITS: &[&str] = &["seconds", "bytes"];
