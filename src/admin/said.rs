// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What people say of a key: for people, nothing follows from it; and the days it is for.

use super::template::Sheet;
use crate::vendor::*;
use cryptoki_sys::*;

/// What is said of a key for people, and its days. What is not said stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Whose key it is.
    pub owner: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// After how many seconds it should be replaced; 0 for never.
    pub rotate_every: Option<u64>,
    /// Labels, key and value.
    pub labels: Vec<(String, String)>,
    /// Its first day, as `CK_DATE` has it; empty for none.
    pub start_date: Option<Vec<u8>>,
    /// Its last.
    pub end_date: Option<Vec<u8>>,
}

impl Said {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Said::default()
    }

    /// What of it a template says; the labels come whole.
    pub(super) fn write(&self, mut sheet: Sheet, labels: &[(String, String)]) -> Sheet {
        let texts = [(CKA_STRONGROOM_OWNER, &self.owner), (CKA_STRONGROOM_PURPOSE, &self.purpose)];
        for (id, text) in texts {
            if let Some(text) = text {
                sheet = sheet.bytes(id, text.as_bytes());
            }
        }
        for (id, date) in [(CKA_START_DATE, &self.start_date), (CKA_END_DATE, &self.end_date)] {
            if let Some(date) = date {
                sheet = sheet.bytes(id, date);
            }
        }
        if let Some(seconds) = self.rotate_every {
            let seconds = CK_ULONG::try_from(seconds).unwrap_or(CK_ULONG::MAX);
            sheet = sheet.number(CKA_STRONGROOM_ROTATION_PERIOD, seconds);
        }
        if labels.is_empty() { sheet } else { sheet.bytes(CKA_STRONGROOM_LABELS, &lines(labels)) }
    }
}

/// Labels, as their attribute has them.
pub(super) fn lines(labels: &[(String, String)]) -> Vec<u8> {
    let lines: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    lines.join("\n").into_bytes()
}

/// Labels after some were taken away and some set, those set last in the place of others.
pub(super) fn merged(
    old: &[(String, String)],
    set: &[(String, String)],
    unset: &[String],
) -> Vec<(String, String)> {
    let mut labels: Vec<_> = old.iter().filter(|(key, _)| !unset.contains(key)).cloned().collect();
    for (key, value) in set {
        labels.retain(|(other, _)| other != key);
        labels.push((key.clone(), value.clone()));
    }
    labels
}
