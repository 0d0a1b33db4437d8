// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What each function leaves in the audit log: one row a function, and none can be made without one. The
//! table of `docs/audit.md` is made of it.

#![allow(non_upper_case_globals, missing_docs, reason = "the rows are named after the functions")]

use crate::call::{self, Leaves};

/// What the verbs of the command leave: a record for each change that one makes, and one where it fails.
/// Besides, whoever logs in for one leaves the record `login`.
pub const VERBS: &[(&str, Leaves)] = &[
    ("init", Record),
    ("token list", Nothing),
    ("token info", Nothing),
    ("token mode", Record),
    ("key list", Nothing),
    ("key show", Nothing),
    ("key generate", Record),
    ("key import", Record),
    ("key export", Discloses),
    ("key export-public", Nothing),
    ("key activate", Record),
    ("key suspend", Record),
    ("key resume", Record),
    ("key deactivate", Record),
    ("key compromise", Record),
    ("key set", Record),
    ("key destroy", Record),
    ("key forget", Record),
    ("import softhsm2", Record),
    ("pin change", Record),
    ("pin unblock", Record),
    ("user add", Record),
    ("user list", Nothing),
    ("user remove", Record),
    ("user reset", Record),
    ("policy show", Nothing),
    ("policy check", Nothing),
    ("policy set", Record),
    ("policy explain", Nothing),
    ("policy approve", Record),
    ("rotate master-key", Record),
    ("rotate token-key", Record),
    ("rotate status", Nothing),
    ("seal list", Nothing),
    ("seal add", Record),
    ("seal remove", Record),
    ("seal rotate", Record),
    ("audit verify", Nothing),
    ("audit show", Nothing),
    ("audit export", Nothing),
    ("audit key", Nothing),
    ("audit checkpoint", Nothing),
    ("audit prove", Nothing),
    ("audit consistency", Nothing),
    ("audit renew", Record),
    ("check", Record),
    ("doctor", Nothing),
    ("config show", Nothing),
    ("metrics", Nothing),
    ("watch", Nothing),
];

/// A verb of the command begins, by its name.
pub fn begin_verb(name: &str) {
    let row = VERBS.iter().find(|(verb, _)| *verb == name);
    let (verb, leaves) = row.copied().unwrap_or(("command", Record));
    call::begin(verb, leaves);
}

macro_rules! leaves {
    ($($name:ident $leaves:expr;)*) => {
        $(pub const $name: Leaves = $leaves;)*

        /// All rows, by name.
        pub const FUNCTIONS: &[(&str, Leaves)] = &[$((stringify!($name), $leaves),)*];
    };
}

use Leaves::{Begins, Counts, Discloses, Nothing, Record};

leaves! {
    C_Initialize Nothing;
    C_Finalize Nothing;
    C_GetInfo Nothing;
    C_GetFunctionList Nothing;
    C_GetInterfaceList Nothing;
    C_GetInterface Nothing;
    C_GetSlotList Nothing;
    C_GetSlotInfo Nothing;
    C_GetTokenInfo Nothing;
    C_GetMechanismList Nothing;
    C_GetMechanismInfo Nothing;
    C_WaitForSlotEvent Nothing;
    C_InitToken Record;
    C_InitPIN Record;
    C_SetPIN Record;
    C_OpenSession Nothing;
    C_CloseSession Nothing;
    C_CloseAllSessions Nothing;
    C_GetSessionInfo Nothing;
    C_SessionCancel Nothing;
    C_GetSessionValidationFlags Nothing;
    C_GetOperationState Nothing;
    C_SetOperationState Nothing;
    C_Login Record;
    C_LoginUser Record;
    C_Logout Record;
    C_CreateObject Record;
    C_CopyObject Record;
    C_DestroyObject Record;
    C_SetAttributeValue Record;
    C_GetObjectSize Nothing;
    C_GetAttributeValue Discloses;
    C_FindObjectsInit Nothing;
    C_FindObjects Nothing;
    C_FindObjectsFinal Nothing;
    C_EncryptInit Begins("C_Encrypt");
    C_Encrypt Counts;
    C_EncryptUpdate Counts;
    C_EncryptFinal Counts;
    C_DecryptInit Begins("C_Decrypt");
    C_Decrypt Counts;
    C_DecryptUpdate Counts;
    C_DecryptFinal Counts;
    C_DigestInit Nothing;
    C_Digest Nothing;
    C_DigestUpdate Nothing;
    C_DigestKey Counts;
    C_DigestFinal Nothing;
    C_SignInit Begins("C_Sign");
    C_Sign Counts;
    C_SignUpdate Counts;
    C_SignFinal Counts;
    C_SignRecoverInit Begins("C_SignRecover");
    C_SignRecover Counts;
    C_VerifyInit Begins("C_Verify");
    C_Verify Counts;
    C_VerifyUpdate Counts;
    C_VerifyFinal Counts;
    C_VerifyRecoverInit Begins("C_VerifyRecover");
    C_VerifyRecover Counts;
    C_VerifySignatureInit Begins("C_VerifySignature");
    C_VerifySignature Counts;
    C_VerifySignatureUpdate Counts;
    C_VerifySignatureFinal Counts;
    C_DigestEncryptUpdate Counts;
    C_DecryptDigestUpdate Counts;
    C_SignEncryptUpdate Counts;
    C_DecryptVerifyUpdate Counts;
    C_MessageEncryptInit Begins("C_EncryptMessage");
    C_EncryptMessage Counts;
    C_EncryptMessageBegin Counts;
    C_EncryptMessageNext Counts;
    C_MessageEncryptFinal Nothing;
    C_MessageDecryptInit Begins("C_DecryptMessage");
    C_DecryptMessage Counts;
    C_DecryptMessageBegin Counts;
    C_DecryptMessageNext Counts;
    C_MessageDecryptFinal Nothing;
    C_MessageSignInit Begins("C_SignMessage");
    C_SignMessage Counts;
    C_SignMessageBegin Counts;
    C_SignMessageNext Counts;
    C_MessageSignFinal Nothing;
    C_MessageVerifyInit Begins("C_VerifyMessage");
    C_VerifyMessage Counts;
    C_VerifyMessageBegin Counts;
    C_VerifyMessageNext Counts;
    C_MessageVerifyFinal Nothing;
    C_GenerateKey Record;
    C_GenerateKeyPair Record;
    C_WrapKey Record;
    C_WrapKeyAuthenticated Record;
    C_UnwrapKey Record;
    C_UnwrapKeyAuthenticated Record;
    C_DeriveKey Record;
    C_EncapsulateKey Record;
    C_DecapsulateKey Record;
    C_SeedRandom Nothing;
    C_GenerateRandom Nothing;
    C_GetFunctionStatus Nothing;
    C_CancelFunction Nothing;
    C_AsyncComplete Nothing;
    C_AsyncGetID Nothing;
    C_AsyncJoin Nothing;
}
