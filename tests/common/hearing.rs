// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The functions of the library as rows: which of their arguments are secrets, and whether those go in
//! or come out. A function of the list without a row does not compile; one whose row has secrets and that
//! no test tries (`tests/recorded/ways.rs`) fails there.
//!
//! Messages that are digested, signed or verified are no secrets: a signature is shown with its message.
//! Those that a signature itself carries are taken for secrets, as what is encrypted is.

use super::heard::{self, after, before, keep};
use cryptoki_sys::*;
use std::ffi::c_void;
use std::sync::OnceLock;

static OWN: OnceLock<&'static CK_FUNCTION_LIST_3_2> = OnceLock::new();

/// The library's own list.
pub fn functions() -> Option<&'static CK_FUNCTION_LIST_3_2> {
    OWN.get().copied()
}

/// The list whose functions are heard.
pub fn list(own: &'static CK_FUNCTION_LIST_3_2) -> &'static CK_FUNCTION_LIST_3_2 {
    OWN.get_or_init(|| own);
    Box::leak(Box::new(wrapped(own)))
}

/// Calls a function of the library itself.
macro_rules! own {
    ($function:ident($($argument:expr),*)) => {{
        let own = $crate::common::hearing::functions().expect("the library's list");
        let function = own.$function.expect(stringify!($function));
        // SAFETY: the caller's arguments are handed on as they are.
        unsafe { function($($argument),*) }
    }};
}
pub(crate) use own;

/// What stands in the list for a row.
macro_rules! entry {
    ($own:ident, $function:ident { nothing }) => { $own.$function };
    ($own:ident, $function:ident { by $heard:path }) => { Some($heard) };
    ($own:ident, $function:ident {
        ($($argument:ident: $kind:ty),*) $(gives [$($given:ident($($from:ident),*)),*])?
        $(takes [$($taken:ident($($to:ident),*)),*])?
    }) => {{
        unsafe extern "C" fn call($($argument: $kind),*) -> CK_RV {
            // An output may be where the input was.
            let given: &[heard::Values] = &[$($(before::$given($($from),*)),*)?];
            let rv = keep(own!($function($($argument),*)), given);
            $($(after::$taken(rv, $($to),*);)*)?
            rv
        }
        Some(call)
    }};
}

/// Whether a row has secrets.
macro_rules! has_secrets {
    ({ nothing }) => {
        false
    };
    ({ by $heard:path }) => {
        false
    };
    ($row:tt) => {
        true
    };
}

macro_rules! hear {
    ($($function:ident $row:tt)*) => {
        fn wrapped(own: &CK_FUNCTION_LIST_3_2) -> CK_FUNCTION_LIST_3_2 {
            // All fields by name, and no rest: so that none is forgotten.
            CK_FUNCTION_LIST_3_2 {
                version: own.version,
                $($function: entry!(own, $function $row)),*
            }
        }

        /// Every function, and whether something secret passes through it.
        pub const ROWS: &[(&str, bool)] = &[$((stringify!($function), has_secrets!($row))),*];
    };
}

type Session = CK_SESSION_HANDLE;
type Object = CK_OBJECT_HANDLE;
type Handle = *mut CK_OBJECT_HANDLE;
type Slot = CK_SLOT_ID;
type User = CK_USER_TYPE;
type Mechanism = *mut CK_MECHANISM;
type Rows = *mut CK_ATTRIBUTE;
type Bytes = *mut CK_BYTE;
type Long = CK_ULONG;
type Len = *mut CK_ULONG;
type Any = *mut c_void;

#[rustfmt::skip]
hear! {
    C_Initialize { by heard::initialize }
    C_Finalize { by heard::finalize }
    C_GetInfo { nothing }
    C_GetFunctionList { nothing }
    C_GetSlotList { nothing }
    C_GetSlotInfo { nothing }
    C_GetTokenInfo { nothing }
    C_GetMechanismList { nothing }
    C_GetMechanismInfo { nothing }
    C_InitToken { (slot: Slot, pin: Bytes, len: Long, label: Bytes) gives [pin(pin, len)] }
    C_InitPIN { (s: Session, pin: Bytes, len: Long) gives [pin(pin, len)] }
    C_SetPIN {
        (s: Session, old: Bytes, old_len: Long, new: Bytes, new_len: Long)
        gives [pin(old, old_len), pin(new, new_len)]
    }
    C_OpenSession { nothing }
    C_CloseSession { nothing }
    C_CloseAllSessions { nothing }
    C_GetSessionInfo { nothing }
    C_GetOperationState {
        (s: Session, out: Bytes, out_len: Len) takes [bytes(out, out_len)]
    }
    C_SetOperationState {
        (s: Session, state: Bytes, len: Long, cipher: Object, mac: Object) gives [bytes(state, len)]
    }
    C_Login { (s: Session, user: User, pin: Bytes, len: Long) gives [pin(pin, len)] }
    C_Logout { nothing }
    C_CreateObject {
        (s: Session, rows: Rows, count: Long, new: Handle) gives [template(rows, count)]
    }
    C_CopyObject {
        (s: Session, from: Object, rows: Rows, count: Long, new: Handle)
        gives [template(rows, count)] takes [key(s, new)]
    }
    C_DestroyObject { nothing }
    C_GetObjectSize { nothing }
    C_GetAttributeValue {
        (s: Session, object: Object, rows: Rows, count: Long) takes [template(rows, count)]
    }
    C_SetAttributeValue {
        (s: Session, object: Object, rows: Rows, count: Long) gives [template(rows, count)]
    }
    C_FindObjectsInit { (s: Session, rows: Rows, count: Long) gives [template(rows, count)] }
    C_FindObjects { nothing }
    C_FindObjectsFinal { nothing }
    C_EncryptInit { nothing }
    C_Encrypt {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) gives [bytes(data, len)]
    }
    C_EncryptUpdate {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) gives [bytes(data, len)]
    }
    C_EncryptFinal { nothing }
    C_DecryptInit { nothing }
    C_Decrypt {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) takes [bytes(out, out_len)]
    }
    C_DecryptUpdate {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) takes [bytes(out, out_len)]
    }
    C_DecryptFinal { (s: Session, out: Bytes, out_len: Len) takes [bytes(out, out_len)] }
    C_DigestInit { nothing }
    C_Digest { nothing }
    C_DigestUpdate { nothing }
    C_DigestKey { nothing }
    C_DigestFinal { nothing }
    C_SignInit { nothing }
    C_Sign { nothing }
    C_SignUpdate { nothing }
    C_SignFinal { nothing }
    C_SignRecoverInit { nothing }
    C_SignRecover {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) gives [bytes(data, len)]
    }
    C_VerifyInit { nothing }
    C_Verify { nothing }
    C_VerifyUpdate { nothing }
    C_VerifyFinal { nothing }
    C_VerifyRecoverInit { nothing }
    C_VerifyRecover {
        (s: Session, signature: Bytes, len: Long, out: Bytes, out_len: Len)
        takes [bytes(out, out_len)]
    }
    C_DigestEncryptUpdate {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) gives [bytes(data, len)]
    }
    C_DecryptDigestUpdate {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) takes [bytes(out, out_len)]
    }
    C_SignEncryptUpdate {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) gives [bytes(data, len)]
    }
    C_DecryptVerifyUpdate {
        (s: Session, data: Bytes, len: Long, out: Bytes, out_len: Len) takes [bytes(out, out_len)]
    }
    C_GenerateKey {
        (s: Session, mechanism: Mechanism, rows: Rows, count: Long, new: Handle)
        gives [mechanism(mechanism), template(rows, count)] takes [key(s, new)]
    }
    C_GenerateKeyPair {
        (s: Session, mechanism: Mechanism, public: Rows, public_count: Long, private: Rows,
            private_count: Long, public_new: Handle, new: Handle)
        gives [template(private, private_count)] takes [key(s, new)]
    }
    C_WrapKey { nothing }
    C_UnwrapKey {
        (s: Session, mechanism: Mechanism, by: Object, wrapped: Bytes, len: Long, rows: Rows,
            count: Long, new: Handle)
        gives [template(rows, count)] takes [key(s, new)]
    }
    C_DeriveKey {
        (s: Session, mechanism: Mechanism, base: Object, rows: Rows, count: Long, new: Handle)
        gives [mechanism(mechanism), template(rows, count)] takes [key(s, new)]
    }
    C_SeedRandom { (s: Session, seed: Bytes, len: Long) gives [bytes(seed, len)] }
    C_GenerateRandom { (s: Session, out: Bytes, len: Long) takes [all_bytes(out, len)] }
    C_GetFunctionStatus { nothing }
    C_CancelFunction { nothing }
    C_WaitForSlotEvent { nothing }
    C_GetInterfaceList { nothing }
    C_GetInterface { nothing }
    C_LoginUser {
        (s: Session, user: User, pin: Bytes, len: Long, name: Bytes, name_len: Long)
        gives [pin(pin, len)]
    }
    C_SessionCancel { nothing }
    C_MessageEncryptInit { nothing }
    C_EncryptMessage {
        (s: Session, parameter: Any, parameter_len: Long, aad: Bytes, aad_len: Long, data: Bytes,
            len: Long, out: Bytes, out_len: Len)
        gives [bytes(data, len)]
    }
    C_EncryptMessageBegin { nothing }
    C_EncryptMessageNext {
        (s: Session, parameter: Any, parameter_len: Long, data: Bytes, len: Long, out: Bytes,
            out_len: Len, flags: CK_FLAGS)
        gives [bytes(data, len)]
    }
    C_MessageEncryptFinal { nothing }
    C_MessageDecryptInit { nothing }
    C_DecryptMessage {
        (s: Session, parameter: Any, parameter_len: Long, aad: Bytes, aad_len: Long, data: Bytes,
            len: Long, out: Bytes, out_len: Len)
        takes [bytes(out, out_len)]
    }
    C_DecryptMessageBegin { nothing }
    C_DecryptMessageNext {
        (s: Session, parameter: Any, parameter_len: Long, data: Bytes, len: Long, out: Bytes,
            out_len: Len, flags: CK_FLAGS)
        takes [bytes(out, out_len)]
    }
    C_MessageDecryptFinal { nothing }
    C_MessageSignInit { nothing }
    C_SignMessage { nothing }
    C_SignMessageBegin { nothing }
    C_SignMessageNext { nothing }
    C_MessageSignFinal { nothing }
    C_MessageVerifyInit { nothing }
    C_VerifyMessage { nothing }
    C_VerifyMessageBegin { nothing }
    C_VerifyMessageNext { nothing }
    C_MessageVerifyFinal { nothing }
    C_EncapsulateKey {
        (s: Session, mechanism: Mechanism, public: Object, rows: Rows, count: Long, out: Bytes,
            out_len: Len, new: Handle)
        gives [template(rows, count)] takes [encapsulated(s, out, new)]
    }
    C_DecapsulateKey {
        (s: Session, mechanism: Mechanism, private: Object, rows: Rows, count: Long, data: Bytes,
            len: Long, new: Handle)
        gives [template(rows, count)] takes [key(s, new)]
    }
    C_VerifySignatureInit { nothing }
    C_VerifySignature { nothing }
    C_VerifySignatureUpdate { nothing }
    C_VerifySignatureFinal { nothing }
    C_GetSessionValidationFlags { nothing }
    C_AsyncComplete { nothing }
    C_AsyncGetID { nothing }
    C_AsyncJoin { nothing }
    C_WrapKeyAuthenticated { nothing }
    C_UnwrapKeyAuthenticated {
        (s: Session, mechanism: Mechanism, by: Object, wrapped: Bytes, len: Long, rows: Rows,
            count: Long, aad: Bytes, aad_len: Long, new: Handle)
        gives [template(rows, count)] takes [key(s, new)]
    }
}
