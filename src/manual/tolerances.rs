//! The deviations of real peers, and the answers of this library: the rows Q01 to Q64.
//!
//! Each row was seen on a real peer, or found by asking what one may do. It says what this library does, and which
//! setting changes it. Code and tests cite a row by its number.
//!
//! - [How a client reads Acks](#how-a-client-reads-acks), Q01 to Q37
//! - [How a server reads requests](#how-a-server-reads-requests), Q40 to Q64
//! - [What our server sends](#what-our-server-sends)
//!
#![doc = include_str!("tolerances/acks.md")]
//!
#![doc = include_str!("tolerances/requests.md")]
//!
#![doc = include_str!("tolerances/sent.md")]
//!
#![doc = include_str!("rows.md")]
// The search of the documentation finds a row by its number.
#![doc(alias(
    "Q01", "Q02", "Q03", "Q04", "Q05", "Q06", "Q07", "Q08", "Q09", "Q10", "Q11", "Q12", "Q13", "Q14", "Q15",
    "Q16", "Q17", "Q18", "Q19", "Q20", "Q21", "Q22", "Q23", "Q24", "Q25", "Q26", "Q27", "Q28", "Q29", "Q30",
    "Q31", "Q32", "Q33", "Q34", "Q35", "Q36", "Q37", "Q40", "Q41", "Q42", "Q43", "Q44", "Q45", "Q46", "Q47",
    "Q48", "Q49", "Q50", "Q51", "Q52", "Q53", "Q54", "Q55", "Q56", "Q57", "Q58", "Q59", "Q60", "Q61", "Q62",
    "Q63", "Q64"
))]
