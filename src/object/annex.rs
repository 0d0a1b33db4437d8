// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A place beside an object in memory, where a room above keeps what it has found out about it. An
//! object that replaces another begins with an empty one. It imports nothing of the crate.

use parking_lot::RwLock;
use std::any::Any;
use std::sync::Arc;

/// What was found out, and under which version of what it was found out with.
#[derive(Default)]
pub struct Annex(RwLock<Option<(u64, Arc<dyn Any + Send + Sync>)>>);

impl Annex {
    /// What was found out under this version; else `find` finds it out, and it is kept.
    pub fn get<T: Any + Send + Sync>(&self, version: u64, find: impl FnOnce() -> T) -> Arc<T> {
        if let Some((known, value)) = self.0.read().as_ref() {
            if let Some(value) = Some(value).filter(|_| *known == version) {
                if let Ok(value) = value.clone().downcast() {
                    return value;
                }
            }
        }
        let value = Arc::new(find());
        *self.0.write() = Some((version, value.clone()));
        value
    }
}
