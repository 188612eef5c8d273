//! The notation of a transition table: it is written once, so that the data that tests drive is the table that people read.

/// An enumeration that knows all of its variants.
macro_rules! catalogue {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident { $( $(#[$about:meta])* $variant:ident, )+ }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum $name { $( $(#[$about])* $variant, )+ }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$( Self::$variant ),+];
        }
    };
}
pub(crate) use catalogue;

/// A [`Selection`], as a value and as Markdown: `A | B`, `all GROUP`, or `all GROUP but A | B`.
macro_rules! selection {
    (@text $kind:ident all $group:ident) => {
        concat!("[`", stringify!($group), "`](", stringify!($kind), "::", stringify!($group), ")")
    };
    (@text $kind:ident all $group:ident but $($item:ident)|+) => {
        concat!(
            $crate::machine::transition::selection!(@text $kind all $group),
            " but ",
            $crate::machine::transition::selection!(@text $kind $($item)|+)
        )
    };
    (@text $kind:ident $first:ident $(| $item:ident)*) => {
        concat!(
            "[`", stringify!($first), "`](", stringify!($kind), "::", stringify!($first), ")"
            $(, ", [`", stringify!($item), "`](", stringify!($kind), "::", stringify!($item), ")")*
        )
    };
    ($kind:ident all $group:ident) => {
        $crate::machine::transition::Selection::new($kind::$group, &[])
    };
    ($kind:ident all $group:ident but $($item:ident)|+) => {
        $crate::machine::transition::Selection::new($kind::$group, &[$( $kind::$item ),+])
    };
    ($kind:ident $($item:ident)|+) => {
        $crate::machine::transition::Selection::new(&[$( $kind::$item ),+], &[])
    };
}
pub(crate) use selection;

/// An [`After`], as a value and as Markdown.
macro_rules! after {
    (@text Same) => { "–" };
    (@text Before) => { "as before" };
    (@text Due) => { "as is due" };
    (@text $place:ident) => { $crate::machine::transition::selection!(@text Place $place) };
    (Same) => { $crate::machine::transition::After::Same };
    (Before) => { $crate::machine::transition::After::Before };
    (Due) => { $crate::machine::transition::After::Due };
    ($place:ident) => { $crate::machine::transition::After::At(Place::$place) };
}
pub(crate) use after;

/// A transition table: the constant, and in its documentation the same as a Markdown table.
///
/// The caller has `Place`, `Stimulus` and `Setting` in scope, and a macro `reaction!` that makes of the last column a value,
/// and Markdown.
/// Rows are `(places) (stimuli) [setting] => after, reaction;`.
macro_rules! transitions {
    (
        $(#[$attribute:meta])*
        pub const $name:ident: $type:ty;
        $( ($($from:tt)+) ($($on:tt)+) [$($setting:ident)?] => $after:ident, $($reaction:ident $(($($argument:tt)+))?)+; )+
    ) => {
        $(#[$attribute])*
        ///
        /// | where | what comes | under | then | answer |
        /// |---|---|---|---|---|
        $(
            #[doc = concat!(
                "| ", $crate::machine::transition::selection!(@text Place $($from)+),
                " | ", $crate::machine::transition::selection!(@text Stimulus $($on)+),
                " | ", $("[`", stringify!($setting), "`](Setting::", stringify!($setting), ")",)?
                " | ", $crate::machine::transition::after!(@text $after),
                " | ", reaction!(@text $($reaction $(($($argument)+))?)+), " |"
            )]
        )+
        pub const $name: &[$type] = &[$(
            $crate::machine::transition::Transition {
                from: $crate::machine::transition::selection!(Place $($from)+),
                on: $crate::machine::transition::selection!(Stimulus $($on)+),
                setting: [$(Some(Setting::$setting),)? None][0],
                after: $crate::machine::transition::after!($after),
                reaction: reaction!($($reaction $(($($argument)+))?)+),
            }
        ),+];
    };
}
pub(crate) use transitions;

/// The pairs of a table that never meet, and why.
macro_rules! impossible {
    (
        $(#[$attribute:meta])*
        pub const $name:ident;
        $( ($($from:tt)+) ($($on:tt)+) => $why:literal; )+
    ) => {
        $(#[$attribute])*
        ///
        /// | where | what never comes | why |
        /// |---|---|---|
        $(
            #[doc = concat!(
                "| ", $crate::machine::transition::selection!(@text Place $($from)+),
                " | ", $crate::machine::transition::selection!(@text Stimulus $($on)+),
                " | ", $why, " |"
            )]
        )+
        pub const $name: &[(
            $crate::machine::transition::Selection<Place>,
            $crate::machine::transition::Selection<Stimulus>,
            &str,
        )] = &[$((
            $crate::machine::transition::selection!(Place $($from)+),
            $crate::machine::transition::selection!(Stimulus $($on)+),
            $why,
        )),+];
    };
}
pub(crate) use impossible;

/// What is seen, as a table's row writes it, as a value and as Markdown. The caller has `Sight` in scope, and what the arguments
/// of its variants are.
macro_rules! sights {
    (@text Nothing) => {
        ""
    };
    (@text $($kind:ident $(($argument:ident))?)+) => {
        concat!($("[`", stringify!($kind), "`](Sight::", stringify!($kind), ")", $(" `", stringify!($argument), "`",)? " "),+)
    };
    (Nothing) => {
        &[]
    };
    ($($kind:ident $(($argument:ident))?)+) => {
        &[$( $crate::machine::transition::sights!(@one $kind $($argument)?) ),+]
    };
    (@one Send $packet:ident) => {
        Sight::Send(PacketType::$packet)
    };
    (@one Misuse $error:ident) => {
        Sight::Misuse(ApiMisuse::$error)
    };
    (@one Timeout $timer:ident) => {
        Sight::Timeout(Timer::$timer)
    };
    (@one $kind:ident) => {
        Sight::$kind
    };
}
pub(crate) use sights;
