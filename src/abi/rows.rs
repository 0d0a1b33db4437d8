// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From rows to functions and function lists.

/// Rows to functions and function lists. Each argument is seen through [`Argument`]: a number as it
/// is, a pointer as a [`Pointer`]. Each function has its row in the table of what it leaves in the
/// audit log.
macro_rules! cryptoki {
    (v2_40 { $($rows2:tt)* } v3_0 { $($rows30:tt)* } v3_2 { $($rows32:tt)* }) => {
        functions! { $($rows2)* $($rows30)* $($rows32)* }
        list! { LIST_2_40: CK_FUNCTION_LIST = 2, 40; $($rows2)* }
        list! { LIST_3_0: CK_FUNCTION_LIST_3_0 = 3, 0; $($rows2)* $($rows30)* }
        list! { LIST_3_2: CK_FUNCTION_LIST_3_2 = 3, 2; $($rows2)* $($rows30)* $($rows32)* }
    };
}

macro_rules! functions {
    ($(fn $name:ident($($arg:ident: $type:ty),*) $body:block)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $type),*) -> CK_RV {
            // SAFETY: the caller of a C function promises what `Argument::seen` asks for.
            $(let $arg = unsafe { Argument::seen($arg) };)*
            crate::call::begin(stringify!($name), crate::session::leaves::$name);
            $body
        }
    )*};
}

macro_rules! list {
    ($list:ident: $type:ident = $major:literal, $minor:literal;
     $(fn $name:ident($($arg:ident: $argument:ty),*) $body:block)*) => {
        static $list: Fixed<$type> = Fixed($type {
            version: CK_VERSION { major: $major, minor: $minor },
            $($name: Some($name),)*
        });
    };
}
