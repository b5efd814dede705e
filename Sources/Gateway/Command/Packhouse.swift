@main enum Packhouse { static func main() {} }
