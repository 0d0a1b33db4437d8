// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What was measured, as text for a terminal or as one Markdown table, and the verdict on each
//! target. This is the only place that decides whether a target is met.

use std::fmt::Write;

use crate::failure::Failure;
use crate::stats::Summary;

pub(crate) const OPENSSL: &str = "OpenSSL";
pub(crate) const NEW_CONTEXT: &str = "OpenSSL, new context";

const MET: &str = "met";

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Micros,
    Millis,
    /// Of 1,000,000 bytes.
    Megabytes,
    PerSecond,
    /// Times another rate, or a count.
    Plain,
}

/// What is asked of our module, in the unit of the row.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    MoreThanOpenssl(f64),
    /// The same of another contender.
    MoreThan(&'static str, f64),
    WithinPercent(f64),
    Under(f64),
    AtLeast(f64),
    AtMost(f64),
    /// A count, with room for the rare extra one of a checkpoint.
    About(f64),
    None,
}

/// One case: a figure for each contender.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    title: String,
    unit: Unit,
    target: Target,
    cells: Vec<(String, Summary)>,
    failures: Vec<(String, Failure)>,
    notes: Vec<String>,
}

impl Row {
    pub(crate) fn new(
        name: &'static str,
        title: impl Into<String>,
        unit: Unit,
        target: Target,
    ) -> Self {
        Self {
            name,
            title: title.into(),
            unit,
            target,
            cells: Vec::new(),
            failures: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn put(&mut self, who: &str, result: Result<Summary, Failure>) {
        match result {
            Ok(summary) => self.cells.push((who.to_owned(), summary)),
            Err(failure) => self.fails(who, failure),
        }
    }

    pub(crate) fn fails(&mut self, who: &str, failure: Failure) {
        self.failures.push((who.to_owned(), failure));
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(crate) fn failed(&self, who: &str) -> bool {
        self.failures.iter().any(|(name, _)| name == who)
    }

    /// The block for a terminal.
    pub(crate) fn text(&self, ours: &str) -> String {
        let mut out = format!("\n{}: {}\n", self.name, self.title);
        let openssl = self.median(OPENSSL);
        for (who, cell) in &self.cells {
            let _ = write!(
                out,
                "  {who:22} {:>12}   [{} .. {}]",
                self.show(cell.median),
                self.show(cell.low),
                self.show(cell.high)
            );
            if let (Unit::Micros, Some(base)) = (self.unit, openssl) {
                let _ =
                    write!(out, "   {:+.3} µs, x {:.2}", cell.median - base, cell.median / base);
            }
            out.push('\n');
        }
        for (who, failure) in &self.failures {
            let _ = writeln!(out, "  {who:22} failed: {failure}");
        }
        for note in &self.notes {
            let _ = writeln!(out, "  ({note})");
        }
        if let (Some(wish), Some(verdict)) = (self.target_text(), self.verdict(ours)) {
            let _ = writeln!(out, "  target: {wish}: {verdict}");
        }
        out
    }

    pub(crate) fn median(&self, who: &str) -> Option<f64> {
        let cell = self.cells.iter().find(|(name, _)| name == who);
        cell.map(|(_, summary)| summary.median)
    }

    fn show(&self, value: f64) -> String {
        match self.unit {
            Unit::Micros if value < 10.0 => format!("{value:.3} µs"),
            Unit::Micros if value < 10_000.0 => format!("{value:.1} µs"),
            Unit::Micros => format!("{value:.0} µs"),
            Unit::Millis => format!("{value:.1} ms"),
            Unit::Megabytes => format!("{value:.1} MB"),
            Unit::PerSecond => format!("{value:.0}/s"),
            Unit::Plain => format!("{value:.2}"),
        }
    }

    fn unit_name(&self) -> &'static str {
        match self.unit {
            Unit::Micros => "µs",
            Unit::Millis => "ms",
            Unit::Megabytes => "MB",
            Unit::PerSecond => "a second",
            Unit::Plain => "",
        }
    }

    fn target_text(&self) -> Option<String> {
        Some(match self.target {
            Target::MoreThanOpenssl(limit) => format!("at most {limit} µs more than OpenSSL"),
            Target::MoreThan(base, limit) => {
                format!("at most {limit} {} more than {base}", self.unit_name())
            }
            Target::WithinPercent(limit) => format!("within {limit} % of OpenSSL"),
            Target::Under(limit) => format!("under {limit} {}", self.unit_name()),
            Target::AtLeast(limit) => format!("at least {limit}"),
            Target::AtMost(limit) => format!("at most {limit}"),
            Target::About(count) => format!("{count}"),
            Target::None => return None,
        })
    }

    /// `None` when there is nothing to judge: no target, or no figure of ours.
    fn verdict(&self, ours: &str) -> Option<&'static str> {
        let figure = self.median(ours)?;
        let openssl = self.median(OPENSSL);
        let met = match self.target {
            Target::MoreThanOpenssl(limit) => figure - openssl? <= limit,
            Target::MoreThan(base, limit) => figure - self.median(base)? <= limit,
            Target::WithinPercent(limit) => figure / openssl? <= 1.0 + limit / 100.0,
            Target::Under(limit) => figure < limit,
            Target::AtLeast(limit) => figure >= limit,
            Target::AtMost(limit) => figure <= limit,
            Target::About(count) => (figure - count).abs() <= 0.05 * count,
            Target::None => return None,
        };
        Some(if met { MET } else { "NOT MET" })
    }
}

/// One line for all targets together, naming those not met; `None` when none was judged.
pub(crate) fn verdicts(rows: &[Row], ours: &str) -> Option<String> {
    let judged: Vec<(&str, &str)> =
        rows.iter().filter_map(|row| Some((row.name, row.verdict(ours)?))).collect();
    let missed: Vec<&str> =
        judged.iter().filter(|(_, verdict)| *verdict != MET).map(|(name, _)| *name).collect();
    let met = judged.len() - missed.len();
    match (judged.is_empty(), missed.is_empty()) {
        (true, _) => None,
        (false, true) => Some(format!("Targets met: all {met}.")),
        (false, false) => {
            Some(format!("Targets met: {met} of {}; not met: {}.", judged.len(), missed.join(", ")))
        }
    }
}

/// The whole run as one Markdown table: medians, and in brackets the 10th and 90th percentile.
pub(crate) fn markdown(rows: &[Row], modules: &[&str], ours: &str) -> String {
    let columns: Vec<&str> = [OPENSSL, NEW_CONTEXT].iter().chain(modules).copied().collect();
    let mut out = format!("| case | {} | {ours}: target | |\n", columns.join(" | "));
    let _ = writeln!(out, "|---|{}---|---|", "---:|".repeat(columns.len()));
    for row in rows {
        let _ = write!(out, "| {} |", row.title);
        for who in &columns {
            let _ = write!(out, " {} |", row.markdown_cell(who, ours));
        }
        let wish = row.target_text().unwrap_or_default();
        let _ = writeln!(out, " {wish} | {} |", row.verdict(ours).unwrap_or_default());
    }
    for row in rows {
        for note in &row.notes {
            let _ = write!(out, "\n{}: {note}\n", row.name);
        }
    }
    out
}

impl Row {
    fn markdown_cell(&self, who: &str, ours: &str) -> String {
        let Some((_, cell)) = self.cells.iter().find(|(name, _)| name == who) else {
            let silent = if self.failed(who) { "failed" } else { "" };
            return silent.to_owned();
        };
        let figure = self.show(cell.median);
        // A count has no spread.
        let spread = match cell.low < cell.high {
            true => format!(" ({}–{})", self.bare(cell.low), self.bare(cell.high)),
            false => String::new(),
        };
        match (who == ours, self.unit, self.median(OPENSSL)) {
            (true, Unit::Micros, Some(base)) => {
                let (more, ratio) = (cell.median - base, cell.median / base);
                format!("**{figure}**{spread}, {more:+.2} µs, × {ratio:.2}")
            }
            (true, _, _) => format!("**{figure}**{spread}"),
            _ => format!("{figure}{spread}"),
        }
    }

    fn bare(&self, value: f64) -> String {
        let shown = self.show(value);
        let number = shown.split([' ', '/']).next();
        number.unwrap_or_default().to_owned()
    }
}
