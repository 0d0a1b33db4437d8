// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Slots, tokens and sessions.

use super::{R, bytes, len, outcome, p11};
use cryptoki_sys::*;
use std::ptr;

/// An open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session(pub CK_SESSION_HANDLE);

/// Initialises the library with a `pReserved` string, a NULL argument where there is none.
pub fn initialize(reserved: Option<&str>) -> R<()> {
    let Some(text) = reserved else {
        return outcome(p11!(C_Initialize(ptr::null_mut())));
    };
    let text = std::ffi::CString::new(text).expect("no NUL inside");
    let mut args = CK_C_INITIALIZE_ARGS {
        flags: CKF_OS_LOCKING_OK,
        pReserved: text.as_ptr().cast_mut().cast(),
        ..CK_C_INITIALIZE_ARGS::default()
    };
    outcome(p11!(C_Initialize(ptr::from_mut(&mut args).cast())))
}

/// Ends the library's work.
pub fn finalize() -> R<()> {
    outcome(p11!(C_Finalize(ptr::null_mut())))
}

/// All slots, or those with a token present.
pub fn slots(with_token: bool) -> R<Vec<CK_SLOT_ID>> {
    let mut count = 0;
    let present = if with_token { CK_TRUE } else { CK_FALSE };
    outcome(p11!(C_GetSlotList(present, ptr::null_mut(), &mut count)))?;
    let mut slots = vec![0; count as usize];
    outcome(p11!(C_GetSlotList(present, slots.as_mut_ptr(), &mut count)))?;
    slots.truncate(count as usize);
    Ok(slots)
}

/// What a slot's token says about itself.
pub fn token_info(slot: CK_SLOT_ID) -> R<CK_TOKEN_INFO> {
    let mut info = CK_TOKEN_INFO::default();
    outcome(p11!(C_GetTokenInfo(slot, &mut info)))?;
    Ok(info)
}

/// Initialises a token; the label is padded here as the specification asks.
pub fn init_token(slot: CK_SLOT_ID, pin: &str, label: &str) -> R<()> {
    let label = padded(label);
    let pin = pin.as_bytes();
    outcome(p11!(C_InitToken(slot, bytes(pin), len(pin), bytes(&label))))
}

/// A token label: 32 bytes, blank-padded.
pub fn padded(label: &str) -> [u8; 32] {
    let mut padded = [b' '; 32];
    padded[..label.len()].copy_from_slice(label.as_bytes());
    padded
}

/// The mechanisms of a slot's token.
pub fn mechanisms(slot: CK_SLOT_ID) -> R<Vec<CK_MECHANISM_TYPE>> {
    let mut count = 0;
    outcome(p11!(C_GetMechanismList(slot, ptr::null_mut(), &mut count)))?;
    let mut list = vec![0; count as usize];
    outcome(p11!(C_GetMechanismList(slot, list.as_mut_ptr(), &mut count)))?;
    list.truncate(count as usize);
    Ok(list)
}

/// What a token says about a mechanism.
pub fn mechanism_info(slot: CK_SLOT_ID, kind: CK_MECHANISM_TYPE) -> R<CK_MECHANISM_INFO> {
    let mut info = CK_MECHANISM_INFO::default();
    outcome(p11!(C_GetMechanismInfo(slot, kind, &mut info)))?;
    Ok(info)
}

/// Closes all sessions with a token.
pub fn close_all(slot: CK_SLOT_ID) -> R<()> {
    outcome(p11!(C_CloseAllSessions(slot)))
}

impl Session {
    /// Opens a session with these flags and no others.
    pub fn open(slot: CK_SLOT_ID, flags: CK_FLAGS) -> R<Session> {
        let mut handle = CK_INVALID_HANDLE;
        outcome(p11!(C_OpenSession(slot, flags, ptr::null_mut(), None, &mut handle)))?;
        assert_ne!(handle, CK_INVALID_HANDLE, "0 is never a session handle");
        Ok(Session(handle))
    }

    /// Opens a read/write session.
    pub fn read_write(slot: CK_SLOT_ID) -> R<Session> {
        Session::open(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
    }

    /// Opens a read-only session.
    pub fn read_only(slot: CK_SLOT_ID) -> R<Session> {
        Session::open(slot, CKF_SERIAL_SESSION)
    }

    /// Closes the session.
    pub fn close(self) -> R<()> {
        outcome(p11!(C_CloseSession(self.0)))
    }

    /// What the session says about itself.
    pub fn info(self) -> R<CK_SESSION_INFO> {
        let mut info = CK_SESSION_INFO::default();
        outcome(p11!(C_GetSessionInfo(self.0, &mut info)))?;
        Ok(info)
    }

    /// The state (`CKS_*`).
    pub fn state(self) -> CK_STATE {
        self.info().expect("C_GetSessionInfo").state
    }

    /// Logs in.
    pub fn login(self, user: CK_USER_TYPE, pin: &str) -> R<()> {
        let pin = pin.as_bytes();
        outcome(p11!(C_Login(self.0, user, bytes(pin), len(pin))))
    }

    /// Logs a named user in.
    pub fn login_user(self, user: CK_USER_TYPE, pin: &str, name: &str) -> R<()> {
        let (pin, name) = (pin.as_bytes(), name.as_bytes());
        outcome(p11!(C_LoginUser(self.0, user, bytes(pin), len(pin), bytes(name), len(name))))
    }

    /// Logs out.
    pub fn logout(self) -> R<()> {
        outcome(p11!(C_Logout(self.0)))
    }

    /// Sets the user's first or next PIN, as the SO.
    pub fn init_pin(self, pin: &str) -> R<()> {
        let pin = pin.as_bytes();
        outcome(p11!(C_InitPIN(self.0, bytes(pin), len(pin))))
    }

    /// Changes a PIN.
    pub fn set_pin(self, old: &str, new: &str) -> R<()> {
        let (old, new) = (old.as_bytes(), new.as_bytes());
        outcome(p11!(C_SetPIN(self.0, bytes(old), len(old), bytes(new), len(new))))
    }

    /// Random bytes.
    pub fn random(self, count: usize) -> R<Vec<u8>> {
        let mut output = vec![0; count];
        outcome(p11!(C_GenerateRandom(self.0, output.as_mut_ptr(), len(&output))))?;
        Ok(output)
    }

    /// Cancels operations.
    pub fn cancel(self, operations: CK_FLAGS) -> R<()> {
        outcome(p11!(C_SessionCancel(self.0, operations)))
    }
}
