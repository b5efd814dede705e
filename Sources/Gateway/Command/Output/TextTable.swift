/// Rows of text under headings, in columns as wide as their widest cell.
struct TextTable {
    /// Spaces between two columns.
    static let gapCount = 2

    let headings: [String]
    let rows: [[String]]

    /// Lines without a line break at the end; the last column is not padded.
    var lines: [String] {
        let all = [headings] + rows
        let widths = headings.indices.map { column in
            all.map { $0[column].count }.max() ?? 0
        }
        return all.map { row in
            row.indices.map { column in
                let isLast = column == row.indices.last
                let fill = isLast ? 0 : widths[column] - row[column].count + Self.gapCount
                return row[column] + String(repeating: " ", count: fill)
            }.joined()
        }
    }
}
