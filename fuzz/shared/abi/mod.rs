// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The whole C interface: bytes become a sequence of calls with hostile templates, mechanisms,
//! parameters, lengths and buffers, on a token that was made once and is put right between runs.
//!
//! Only what the C contract allows: a pointer is NULL or good for the length beside it. Lengths that
//! no memory has go with NULL.

mod calls;
mod input;
mod keys;
mod parameter;
mod world;

use std::sync::{Mutex, PoisonError};
use world::World;

/// Runs the calls that these bytes say.
pub fn run(data: &[u8]) {
    static WORLD: Mutex<Option<World>> = Mutex::new(None);
    let mut held = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut world = match held.take() {
        Some(world) => world,
        None => World::new(),
    };
    world.begin();
    let mut generator = input::Generator::new(data, &mut world);
    for _ in 0..LONGEST {
        if generator.is_spent() {
            break;
        }
        calls::one(&mut generator);
    }
    drop(generator);
    world.end();
    *held = Some(world);
}

/// The mechanisms that take a parameter whose layout is not known here.
pub fn unknown_parameters() -> Vec<&'static str> {
    let rows = strongroom::mechanism::all();
    let takes = rows.filter(|row| row.params != strongroom::mechanism::ParamKind::None);
    takes.filter(|row| !parameter::is_known(row.id)).map(|row| row.name).collect()
}

/// The longest sequence of calls.
const LONGEST: usize = 32;
