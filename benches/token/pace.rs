// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How fast keys come and go in a token with few keys and in a full one: two processes, each with its
//! store, in turns, so that what else the disk and the machine do falls on both. The clock is not all:
//! what a key takes of the processor, and what it writes, are counted as well.

use std::path::Path;

use crate::failure::Failure;
use crate::options::Options;
use crate::peers;
use crate::report::{Row, Target, Unit};
use crate::started::{Turn, Writer};
use crate::stats::Summary;
use crate::token::Token;

/// What each figure compares: name of the row, its title, and what is taken of a turn.
type Figure = (&'static str, &'static str, fn(&Turn) -> f64);
const FIGURES: [Figure; 4] = [
    ("growth-create", "Keys brought in: time", |turn| turn.created),
    ("growth-destroy", "Keys destroyed: time", |turn| turn.destroyed),
    ("growth-processor", "Keys brought in and destroyed: time of the processor", |turn| turn.used),
    ("growth-written", "Keys brought in and destroyed: bytes written", |turn| turn.written),
];

/// One row a figure, without cells yet.
pub(crate) fn rows(few: usize, many: usize) -> [Row; 4] {
    FIGURES.map(|(name, title, _)| {
        let title = format!("{title} with {many} keys over that with {few}");
        Row::new(name, title, Unit::Plain, Target::AtMost(1.5))
    })
}

/// Puts the figures of a module into the rows.
pub(crate) fn compare(
    rows: &mut [Row; 4],
    token: &Token,
    few: usize,
    options: &Options,
    scratch: &Path,
) -> Result<(), Failure> {
    let name = &token.name;
    let directory = scratch.join("few").join(name);
    let Some(told) = peers::telling(name, &directory)? else {
        rows.iter_mut().for_each(|row| row.note(format!("{name}: has no second store here")));
        return Ok(());
    };
    let keys = options.paced(token.ours);
    let mut apart = Writer::pacing_apart(token, few, &told)?;
    let mut full = Writer::pacing(token)?;
    // What comes first finds nothing in memory.
    for writer in [&mut apart, &mut full] {
        writer.turn(keys / 5)?;
    }
    let mut turns = Vec::new();
    for round in 0..options.slow_rounds() {
        // Neither always comes second.
        turns.push(match round % 2 {
            0 => (apart.turn(keys)?, full.turn(keys)?),
            _ => {
                let turn = full.turn(keys)?;
                (apart.turn(keys)?, turn)
            }
        });
    }
    apart.stop()?;
    full.stop()?;
    put(rows, name, keys, &turns);
    Ok(())
}

fn put(rows: &mut [Row; 4], name: &str, keys: usize, turns: &[(Turn, Turn)]) {
    for (row, (_, _, figure)) in rows.iter_mut().zip(FIGURES) {
        let of = |turn: &Turn| figure(turn) / keys as f64;
        let [few, many] = [
            Summary::of(turns.iter().map(|(few, _)| of(few)).collect()).median,
            Summary::of(turns.iter().map(|(_, many)| of(many)).collect()).median,
        ];
        if few == 0.0 {
            row.note(format!("{name}: not counted on this system"));
            continue;
        }
        let ratios = turns.iter().map(|(few, many)| of(many) / of(few)).collect();
        row.put(name, Ok(Summary::of(ratios)));
        row.note(match row.name {
            "growth-written" => format!("{name}: {:.0} and {:.0} kB a key", few / 1e3, many / 1e3),
            _ => format!("{name}: {:.0} and {:.0} µs a key", few * 1e6, many * 1e6),
        });
    }
}
