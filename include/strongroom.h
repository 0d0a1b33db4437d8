/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Strongroom's own attributes and classes of objects. Include it behind the header of PKCS #11
 * (pkcs11.h), which has the types CK_ULONG, CK_ATTRIBUTE_TYPE and CK_OBJECT_CLASS.
 *
 * docs/lifecycle.md says what follows from each, docs/objects.md where a template may name it.
 */
#ifndef STRONGROOM_H
#define STRONGROOM_H 1

/* "SR" behind the vendor's bit. */
#define STRONGROOM_VENDOR (CKA_VENDOR_DEFINED | 0x53520000UL)

/*
 * The life of keys (NIST SP 800-57 part 1, section 7).
 */

/* CK_ULONG: the state that the key is in today, one of STRONGROOM_STATE_*. A new key may be given
 * pre-active or active; C_SetAttributeValue changes it as the table of states permits. */
#define CKA_STRONGROOM_STATE (STRONGROOM_VENDOR | 0x01UL)
/* UTF-8, read-only: when the state was last changed, "YYYYMMDDhhmmss00" in UTC, as CKA_VALUE of a clock
 * object tells it; empty while it is as it was made. */
#define CKA_STRONGROOM_STATE_SINCE (STRONGROOM_VENDOR | 0x02UL)
/* UTF-8, read-only: by whom: the role that was logged in, the name of a named user, and the user id of
 * the process. */
#define CKA_STRONGROOM_STATE_BY (STRONGROOM_VENDOR | 0x03UL)
/* UTF-8: why. It is set in the template that sets CKA_STRONGROOM_STATE, and in no other. */
#define CKA_STRONGROOM_STATE_REASON (STRONGROOM_VENDOR | 0x04UL)
/* UTF-8, read-only: when a key of the token was made or came into it, written as the above. */
#define CKA_STRONGROOM_MADE (STRONGROOM_VENDOR | 0x09UL)

/* Not in use yet: it does nothing. */
#define STRONGROOM_STATE_PRE_ACTIVE 1UL
/* In use: it protects and processes. */
#define STRONGROOM_STATE_ACTIVE 2UL
/* Out of use for a time: it verifies. */
#define STRONGROOM_STATE_SUSPENDED 3UL
/* Out of use for good: it processes. */
#define STRONGROOM_STATE_DEACTIVATED 4UL
/* Known to others: it processes, if the reason is on record. */
#define STRONGROOM_STATE_COMPROMISED 5UL
/* Destroyed: the state of a CKO_STRONGROOM_DESTROYED alone. C_DestroyObject brings a key there. */
#define STRONGROOM_STATE_DESTROYED 6UL

/* The class of what is left of a private or secret key of the token that was destroyed: label, id, key
 * type, unique id, owner, purpose, and when, by whom and why it was destroyed. Only a search that
 * names the class finds it. */
#define CKO_STRONGROOM_DESTROYED (STRONGROOM_VENDOR | 0x01UL)

/*
 * Metadata: nothing follows from it.
 */

/* UTF-8, searched by: whose key it is. */
#define CKA_STRONGROOM_OWNER (STRONGROOM_VENDOR | 0x05UL)
/* UTF-8, searched by: what it is for. */
#define CKA_STRONGROOM_PURPOSE (STRONGROOM_VENDOR | 0x06UL)
/* CK_ULONG: after how many seconds it should be replaced; 0 for never. */
#define CKA_STRONGROOM_ROTATION_PERIOD (STRONGROOM_VENDOR | 0x07UL)
/* UTF-8, searched by: at most 32 lines of "key=value", each key once. A search finds the keys that have
 * all the lines it names. */
#define CKA_STRONGROOM_LABELS (STRONGROOM_VENDOR | 0x08UL)

/*
 * Safeguards.
 */

/* CK_BBOOL: the key encrypts under initialisation vectors that the token makes, and no others. */
#define CKA_STRONGROOM_TOKEN_NONCES (STRONGROOM_VENDOR | 0x10UL)
/* CK_ULONG, read-only: what the key was used for, where that excludes other uses: bit 0 for data, bit 1
 * for keys; and bit 2 for a key put together from another's value and what a caller may know. */
#define CKA_STRONGROOM_USED (STRONGROOM_VENDOR | 0x11UL)

#endif
