//! The built-in site cut down to one hall of NVL72 racks.

use hallwatch::model::topology::spec::DEFAULT_SITE;

/// The topology file of one hall H1 of `rows` rows of 8 racks.
pub fn one_hall(rows: usize) -> String {
    let halls = DEFAULT_SITE.find("[[hall]]").expect("the default site has halls");
    let (head, tail) = DEFAULT_SITE.split_at(halls);
    let first = tail.split("\n\n").next().expect("a hall");
    let hall = first
        .replace("\"H1\", \"H2\", \"H3\", \"H4\", \"H5\", \"H6\", \"H7\"", "\"H1\"")
        .replace("rows = 22", &format!("rows = {rows}"));
    format!("{head}{hall}\n")
}
