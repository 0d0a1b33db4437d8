// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The structures of information, filled from what the session layer knows.

use crate::codec::utc_digits;
use crate::session::{SessionState, SlotState, TokenState};
use cryptoki_sys::*;
use std::time::SystemTime;

pub(super) fn library() -> CK_INFO {
    CK_INFO {
        cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
        manufacturerID: padded(MAKER),
        flags: 0,
        libraryDescription: padded("Strongroom PKCS #11 token"),
        libraryVersion: VERSION,
    }
}

pub(super) fn slot(id: CK_SLOT_ID, state: &SlotState) -> CK_SLOT_INFO {
    let what = if state.initialised { "token" } else { "free slot" };
    CK_SLOT_INFO {
        slotDescription: padded(&format!("Strongroom slot {id}: {what}")),
        manufacturerID: padded(MAKER),
        flags: CKF_TOKEN_PRESENT,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
    }
}

pub(super) fn token(state: &TokenState) -> CK_TOKEN_INFO {
    let (all, read_write) = state.sessions;
    CK_TOKEN_INFO {
        label: state.label,
        manufacturerID: padded(MAKER),
        model: padded("Strongroom"),
        serialNumber: padded(&state.serial),
        flags: state.flags,
        ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
        ulSessionCount: all as CK_ULONG,
        ulMaxRwSessionCount: CK_EFFECTIVELY_INFINITE,
        ulRwSessionCount: read_write as CK_ULONG,
        ulMaxPinLen: state.pin.1 as CK_ULONG,
        ulMinPinLen: state.pin.0 as CK_ULONG,
        ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
        utcTime: padded(&utc_digits(SystemTime::now())),
    }
}

pub(super) fn session(state: &SessionState) -> CK_SESSION_INFO {
    CK_SESSION_INFO { slotID: state.slot, state: state.state, flags: state.flags, ulDeviceError: 0 }
}

pub(super) fn mechanism(sizes: (CK_ULONG, CK_ULONG), flags: CK_FLAGS) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO { ulMinKeySize: sizes.0, ulMaxKeySize: sizes.1, flags }
}

/// Text padded with blanks, cut where it is too long.
fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    field.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
    field
}

const MAKER: &str = "Strongroom";
const VERSION: CK_VERSION = CK_VERSION { major: 0, minor: 1 };
