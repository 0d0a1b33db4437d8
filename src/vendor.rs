// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The token's own attributes and classes, as `include/strongroom.h` publishes them. It imports
//! nothing of the crate.

#![allow(missing_docs, reason = "the header says what each is")]

use cryptoki_sys::*;

/// "SR" behind the vendor's bit, so that other vendors' numbers are not met.
const BASE: CK_ULONG = CKA_VENDOR_DEFINED | 0x5352_0000;

// Lifecycle (NIST SP 800-57 part 1, section 7) and metadata.
pub const CKA_STRONGROOM_STATE: CK_ATTRIBUTE_TYPE = BASE | 0x01;
pub const CKA_STRONGROOM_STATE_SINCE: CK_ATTRIBUTE_TYPE = BASE | 0x02;
pub const CKA_STRONGROOM_STATE_BY: CK_ATTRIBUTE_TYPE = BASE | 0x03;
pub const CKA_STRONGROOM_STATE_REASON: CK_ATTRIBUTE_TYPE = BASE | 0x04;
pub const CKA_STRONGROOM_OWNER: CK_ATTRIBUTE_TYPE = BASE | 0x05;
pub const CKA_STRONGROOM_PURPOSE: CK_ATTRIBUTE_TYPE = BASE | 0x06;
pub const CKA_STRONGROOM_ROTATION_PERIOD: CK_ATTRIBUTE_TYPE = BASE | 0x07;
pub const CKA_STRONGROOM_LABELS: CK_ATTRIBUTE_TYPE = BASE | 0x08;
pub const CKA_STRONGROOM_MADE: CK_ATTRIBUTE_TYPE = BASE | 0x09;
pub const STRONGROOM_STATE_PRE_ACTIVE: CK_ULONG = 1;
pub const STRONGROOM_STATE_ACTIVE: CK_ULONG = 2;
pub const STRONGROOM_STATE_SUSPENDED: CK_ULONG = 3;
pub const STRONGROOM_STATE_DEACTIVATED: CK_ULONG = 4;
pub const STRONGROOM_STATE_COMPROMISED: CK_ULONG = 5;
pub const STRONGROOM_STATE_DESTROYED: CK_ULONG = 6;
pub const CKO_STRONGROOM_DESTROYED: CK_OBJECT_CLASS = BASE | 0x01;
// Safeguards.
pub const CKA_STRONGROOM_TOKEN_NONCES: CK_ATTRIBUTE_TYPE = BASE | 0x10;
pub const CKA_STRONGROOM_USED: CK_ATTRIBUTE_TYPE = BASE | 0x11;
/// Never shown: the hidden attributes of a private object, sealed once more.
pub const CKA_STRONGROOM_MATERIAL: CK_ATTRIBUTE_TYPE = BASE | 0x12;
/// Never shown: a keyed digest of a key's value, by which the token knows a key that comes back.
pub const CKA_STRONGROOM_FINGERPRINT: CK_ATTRIBUTE_TYPE = BASE | 0x13;
