//! The upload client, over both of its transports, against a server that behaves as badly as told.

#![cfg(unix)]

mod examples;
mod slow;
mod stack;
mod uploads;
