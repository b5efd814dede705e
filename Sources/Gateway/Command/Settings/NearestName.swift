/// Finds the known name that somebody probably meant.
enum NearestName {
    /// The name with the fewest edits from `name`; of several, the first.
    static func find(_ name: String, among known: [String]) -> String? {
        known.min { distance($0, name) < distance($1, name) }
    }

    /// How many letters have to be added, removed, changed or swapped with their neighbour to make
    /// one of the other.
    static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.lowercased().utf8)
        let right = Array(right.lowercased().utf8)
        var rows = [Array(0...right.count)]
        for i in 0..<left.count {
            var row = [i + 1]
            for j in 0..<right.count {
                let change = rows[i][j] + (left[i] == right[j] ? 0 : 1)
                var best = min(rows[i][j + 1] + 1, row[j] + 1, change)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
